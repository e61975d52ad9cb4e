"""Nothing in, nothing out, but what is named."""

import pytest
from chart_network import accepts, component, may_call
from chart_pods import NVIDIA
from chart_render import of_kind

ON = {
    "gateway": {"enabled": True, "keysSecret": "k"},
    "loadtest": {"enabled": True},
    "bulk": {"enabled": True, "source": "a", "output": "b"},
}
SERVER = component("server")
STRANGER = {"labels": {"app": "x"}, "namespace": "elsewhere"}
NEIGHBOUR = {"labels": {"app": "x"}}
PROMETHEUS = {"labels": {}, "namespace": "monitoring"}
NAME_SERVER = {"labels": {}, "namespace": "kube-system"}
OUTSIDE = {"address": "203.0.113.7"}


@pytest.mark.parametrize("caller", ["gateway", "bulk", "loadtest", "test"])
@pytest.mark.parametrize("port", [8000, 8001])
def test_the_releases_own_callers_reach_triton(caller, port):
    assert accepts(ON, SERVER, component(caller), port)
    assert may_call(ON, component(caller), SERVER, port)


@pytest.mark.parametrize("caller", [STRANGER, NEIGHBOUR, OUTSIDE, component("prepare"), SERVER])
@pytest.mark.parametrize("port", [8000, 8001, 8002])
def test_nobody_else_does(caller, port):
    assert not accepts(ON, SERVER, caller, port)


def test_clients_that_are_named_reach_requests_and_no_metrics():
    values = {
        "networkPolicy": {
            "clients": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}]
        }
    }
    assert accepts(values, SERVER, STRANGER, 8001)
    assert accepts(values, SERVER, STRANGER, 8000)
    assert not accepts(values, SERVER, STRANGER, 8002)
    assert not accepts({**values, "service": {"http": False}}, SERVER, STRANGER, 8000)
    assert not accepts({**values, "mode": "cpu"}, SERVER, STRANGER, 8000)


def test_prometheus_reaches_metrics_and_no_requests():
    assert accepts(ON, SERVER, PROMETHEUS, 8002)
    assert not accepts(ON, SERVER, PROMETHEUS, 8001)
    assert accepts(ON, component("gateway"), PROMETHEUS, 9000)


@pytest.mark.parametrize("target", [OUTSIDE, NAME_SERVER, STRANGER, component("gateway")])
@pytest.mark.parametrize("port", [53, 443, 9000])
def test_triton_calls_nobody(target, port):
    assert not may_call({"models": NVIDIA}, SERVER, target, port)


def test_only_who_downloads_gets_out():
    job, init = {"models": NVIDIA}, {"models": {**NVIDIA, "prepare": "initContainer"}}
    assert may_call(job, component("prepare"), OUTSIDE, 443)
    assert not may_call(job, component("prepare"), OUTSIDE, 80)
    assert may_call(init, SERVER, OUTSIDE, 443)
    assert not may_call({}, SERVER, OUTSIDE, 443)
    for offline in ({"path": "/x"}, {"existingClaim": "networks"}):
        assert not may_call({"models": {**NVIDIA, "offline": offline}}, component("prepare"), OUTSIDE, 443)


def test_traces_go_to_the_collector():
    values = {
        "server": {"tracing": {"url": "http://collector.elsewhere:4318/v1/traces"}},
        "networkPolicy": {
            "tracing": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}]
        },
    }
    assert may_call(values, SERVER, STRANGER, 4318)
    assert may_call(values, SERVER, NAME_SERVER, 53)
    assert not may_call(values, SERVER, STRANGER, 443)


@pytest.mark.parametrize("caller", ["gateway", "bulk", "loadtest", "test"])
def test_callers_find_names_and_get_no_further(caller):
    assert may_call(ON, component(caller), NAME_SERVER, 53)
    assert not may_call(ON, component(caller), OUTSIDE, 443)


@pytest.mark.parametrize("caller", ["gateway", "bulk"])
def test_object_stores_are_reached_where_named(caller):
    values = {
        **ON,
        "networkPolicy": {"objectStore": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "objectStorePorts": [443, 9000]},
    }
    assert may_call(values, component(caller), OUTSIDE, 443)
    assert may_call(values, component(caller), OUTSIDE, 9000)
    assert not may_call(values, component("loadtest"), OUTSIDE, 443)


def test_the_gateway_reaches_allowed_hosts_where_named():
    values = {
        **ON,
        "networkPolicy": {"allowedHosts": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "allowedHostsPorts": [443, 8443]},
    }
    assert may_call(values, component("gateway"), OUTSIDE, 443)
    assert may_call(values, component("gateway"), OUTSIDE, 8443)
    assert not may_call(values, component("gateway"), OUTSIDE, 80)
    assert not may_call(values, component("bulk"), OUTSIDE, 443)


def test_locusts_master_is_reached_by_its_workers():
    assert accepts(ON, component("loadtest"), component("loadtest"), 5557)
    assert not accepts(ON, component("loadtest"), NEIGHBOUR, 5557)


def test_the_gateway_is_closed_until_clients_are_named():
    assert not accepts(ON, component("gateway"), STRANGER, 9000)
    values = {**ON, "networkPolicy": {"gatewayClients": [{"namespaceSelector": {}}]}}
    assert accepts(values, component("gateway"), STRANGER, 9000)
    assert not accepts(values, SERVER, STRANGER, 8001)


def test_a_triton_elsewhere_is_reached_on_its_port():
    values = {
        "server": {"enabled": False},
        "gateway": {"enabled": True, "keysSecret": "k", "tritonUrl": "grpcs://triton.example.com"},
    }
    assert may_call(values, component("gateway"), OUTSIDE, 443)
    values["gateway"]["tritonUrl"] = "grpc://triton:8001"
    assert may_call(values, component("gateway"), OUTSIDE, 8001)
    assert not may_call(values, component("gateway"), OUTSIDE, 443)


def test_pods_of_other_releases_are_not_touched():
    other = {"labels": {"app.kubernetes.io/name": "ocdrnet", "app.kubernetes.io/instance": "other"}}
    assert accepts(ON, other, STRANGER, 8001)


@pytest.mark.parametrize(("pod", "port"), [(SERVER, 8001), (component("loadtest"), 5557)])
@pytest.mark.parametrize("caller", ["gateway", "loadtest"])
def test_callers_of_other_releases_are_strangers(pod, port, caller):
    other = component(caller)
    other["labels"]["app.kubernetes.io/instance"] = "other"
    assert not accepts(ON, pod, other, port)


def test_policies_can_be_left_out():
    assert of_kind({**ON, "networkPolicy": {"enabled": False}}, "NetworkPolicy") == []
