"""How callers reach Triton and the gateway, and what they may ask."""

import base64

import pytest
from chart_matrix import merged
from chart_pods import builder, server, triton, variable
from chart_render import CHART, objects, of_kind, the

from tools.set_version import project_version

VERSION = project_version()
PARENT = {"enabled": True, "parentRefs": [{"name": "public", "namespace": "gateways"}]}
TLS = {"server": {"tls": {"existingSecret": "triton-tls"}}}
MUTUAL = merged(TLS, {"server": {"tls": {"mutual": True}}})
GATEWAY = {"gateway": {"enabled": True, "keysSecret": "callers"}}


def ports(service):
    return {port["name"]: port["port"] for port in service["spec"]["ports"]}


def gateway(values):
    return the(merged(GATEWAY, values), "Deployment", "demo-ocdrnet-gateway")["spec"]["template"]["spec"]


def test_services_offer_grpc_and_http_with_and_without_an_address():
    assert ports(the({}, "Service")) == {"http": 8000, "grpc": 8001}
    headless = the({}, "Service", "demo-ocdrnet-headless")
    assert headless["spec"]["clusterIP"] == "None"
    assert ports(headless) == {"http": 8000, "grpc": 8001}
    assert ports(the({"service": {"http": False}}, "Service")) == {"grpc": 8001}
    assert len(of_kind({"service": {"headless": False}}, "Service")) == 1


def test_a_cpus_triton_is_reached_by_grpc_alone():
    """One small HTTP request can end it."""
    for name in ("demo-ocdrnet", "demo-ocdrnet-headless"):
        assert ports(the({"mode": "cpu"}, "Service", name)) == {"grpc": 8001}


def test_service_ports_lead_to_ports_of_the_container():
    container_ports = {port["name"]: port["containerPort"] for port in triton({})["ports"]}
    for port in the({}, "Service")["spec"]["ports"]:
        assert container_ports[port["targetPort"]] == port["port"]


def test_ingress_leads_each_host_to_its_backend():
    hosts = [
        {"host": "a.example.com", "backend": "gateway"},
        {"host": "b.example.com", "backend": "http"},
        {"host": "c.example.com", "backend": "http", "pair": "street"},
    ]
    values = merged(GATEWAY, {"extraPairs": {"street": {}}, "ingress": {"enabled": True, "hosts": hosts}})
    rules = the(values, "Ingress")["spec"]["rules"]
    assert {rule["host"]: rule["http"]["paths"][0]["backend"]["service"]["name"] for rule in rules} == {
        "a.example.com": "demo-ocdrnet-gateway",
        "b.example.com": "demo-ocdrnet",
        "c.example.com": "demo-ocdrnet-street",
    }


def test_routes_of_the_gateway_api():
    (rule,) = the(merged(GATEWAY, {"httpRoute": PARENT}), "HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "demo-ocdrnet-gateway", "port": 9000}]
    (rule,) = the({"httpRoute": {**PARENT, "backend": "http"}}, "HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "demo-ocdrnet", "port": 8000}]
    (rule,) = the({"grpcRoute": {**PARENT, "pair": "street"}, "extraPairs": {"street": {}}}, "GRPCRoute")["spec"][
        "rules"
    ]
    assert rule["backendRefs"] == [{"name": "demo-ocdrnet-street", "port": 8001}]
    assert rule["matches"] == [{"method": {"type": "Exact", "service": "inference.GRPCInferenceService"}}]


def test_routes_attach_to_the_gateways_and_hosts_that_are_named():
    attached = {**PARENT, "hostnames": ["ocr.example.com"]}
    values = merged(GATEWAY, {"httpRoute": attached, "grpcRoute": attached})
    for kind in ("HTTPRoute", "GRPCRoute"):
        spec = the(values, kind)["spec"]
        assert spec["parentRefs"] == PARENT["parentRefs"]
        assert spec["hostnames"] == ["ocr.example.com"]


def test_tls_is_triton_s_own_and_callers_of_the_release_trust_it():
    assert {"--grpc-use-ssl=true", "--grpc-server-cert=/tls/tls.crt", "--grpc-server-key=/tls/tls.key"} <= set(
        triton(TLS)["args"]
    )
    assert {"name": "tls", "secret": {"secretName": "triton-tls"}} in server(TLS)["volumes"]
    container = gateway(TLS)["containers"][0]
    assert "--triton=grpcs://demo-ocdrnet-headless:8001" in container["args"]
    assert variable(container, "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH") == "/authority/ca.crt"
    (authority,) = [volume["secret"] for volume in gateway(TLS)["volumes"] if volume["name"] == "authority"]
    assert authority["secretName"] == "triton-tls"
    assert authority["items"] == [{"key": "ca.crt", "path": "ca.crt"}]  # and not the private key
    assert "--triton=grpc://demo-ocdrnet-headless:8001" in gateway({})["containers"][0]["args"]


def test_mutual_tls_asks_callers_for_certificates():
    assert {"--grpc-use-ssl-mutual=true", "--grpc-root-cert=/tls/ca.crt"} <= set(triton(MUTUAL)["args"])
    assert [arg for arg in triton(TLS)["args"] if "mutual" in arg or "root-cert" in arg] == []


def test_administrative_protocols_want_a_key_that_nobody_has_unless_it_is_given():
    closed = "model-repository,shared-memory,trace,logging:ocdrnet-admin-key=$(OCDRNET_ADMIN_KEY)"
    assert {f"--http-restricted-api={closed}", f"--grpc-restricted-protocol={closed}"} <= set(triton({})["args"])
    assert variable(triton({}), "OCDRNET_ADMIN_KEY") == {"fieldRef": {"fieldPath": "metadata.uid"}}
    given = triton({"server": {"admin": {"existingSecret": "admin", "secretKey": "KEY"}}})
    assert variable(given, "OCDRNET_ADMIN_KEY") == {"secretKeyRef": {"name": "admin", "key": "KEY"}}


def test_models_cannot_be_loaded_and_large_requests_are_refused():
    args = triton({"server": {"maxRequestBytes": 50_000_000}})["args"]
    assert "--model-control-mode=none" in args
    assert "--http-max-input-size=50000000" in args


def test_more_flags_and_variables_come_last():
    container = triton({"server": {"extraFlags": ["--log-verbose=1"], "env": {"A": 1, "B": True}}})
    assert container["args"][-1] == "--log-verbose=1"
    assert (variable(container, "A"), variable(container, "B")) == ("1", "true")


def test_traces_go_to_the_collector():
    tracing = {"tracing": {"url": "http://collector:4318/v1/traces", "rate": 7}}
    args = triton({"server": tracing, "networkPolicy": {"tracing": [{"podSelector": {}}]}})["args"]
    traced = [arg.removeprefix("--trace-config=") for arg in args if arg.startswith("--trace-config=")]
    assert traced == [
        "mode=opentelemetry",
        "level=TIMESTAMPS",
        "rate=7",
        "opentelemetry,url=http://collector:4318/v1/traces",
        "opentelemetry,resource=service.name=demo-ocdrnet",
    ]
    assert [arg for arg in triton({})["args"] if "trace-config" in arg] == []
    on_cpu = triton({"mode": "cpu", "server": tracing, "networkPolicy": {"tracing": [{"podSelector": {}}]}})["args"]
    assert on_cpu[-2:] == ["--otel-endpoint=http://collector:4318/v1/traces", "--otel-rate=7"]
    assert [arg for arg in triton({"mode": "cpu"})["args"] if "otel" in arg] == []


def test_gateway_has_keys_or_serves_everyone():
    keyed = gateway({})
    assert "--keys-file=/keys/keys.json" in keyed["containers"][0]["args"]
    assert {"name": "keys", "secret": {"secretName": "callers"}} in keyed["volumes"]
    assert variable(keyed["containers"][0], "OCDRNET_GATEWAY_ALLOW_ANONYMOUS") is None
    assert variable(keyed["containers"][0], "OCDRNET_GATEWAY_INTERFACES") == "own,hosted,nim"
    chosen = gateway({"gateway": {"interfaces": ["nim", "vision"]}})["containers"][0]
    assert variable(chosen, "OCDRNET_GATEWAY_INTERFACES") == "nim,vision"
    anyone = gateway({"gateway": {"keysSecret": "", "allowAnonymous": True}})["containers"][0]
    assert variable(anyone, "OCDRNET_GATEWAY_ALLOW_ANONYMOUS") == "true"


def test_gateway_is_restarted_when_it_hangs_and_not_when_triton_is_away():
    container = gateway({})["containers"][0]
    paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/v1/health/live", "readiness": "/v1/health/ready", "liveness": "/v1/health/live"}
    starting, live = container["startupProbe"], container["livenessProbe"]
    assert starting["periodSeconds"] * starting["failureThreshold"] == 60
    assert live["periodSeconds"] * live["failureThreshold"] == 30


def test_gateway_settings_and_secrets_become_its_environment():
    values = {
        "gateway": {
            "settings": {"LOG_LEVEL": "debug"},
            "secretSettings": {"SECRET": "s" * 20},
            "existingSecret": "more",
        }
    }
    container = gateway(values)["containers"][0]
    assert variable(container, "OCDRNET_GATEWAY_LOG_LEVEL") == "debug"
    assert [source["secretRef"]["name"] for source in container["envFrom"]] == ["demo-ocdrnet-gateway", "more"]
    secret = the(merged(GATEWAY, values), "Secret", "demo-ocdrnet-gateway")
    assert secret["stringData"] == {"OCDRNET_GATEWAY_SECRET": "s" * 20}


def test_another_secret_setting_is_another_gateway_pod():
    pods = [
        the(
            merged(GATEWAY, {"gateway": {"secretSettings": {"SECRET": text * 20}}}),
            "Deployment",
            "demo-ocdrnet-gateway",
        )
        for text in ("a", "b")
    ]
    first, second = (pod["spec"]["template"]["metadata"]["annotations"] for pod in pods)
    assert first != second


def test_images_are_taken_by_digest_where_one_is_given():
    digest = "sha256:" + "0" * 64
    values = {"images": {"server": {"repository": "registry.internal/ocdrnet", "digest": digest}}}
    for container in (triton(values), builder(values)):
        assert container["image"] == f"registry.internal/ocdrnet@{digest}"
    assert triton({"mode": "cpu"})["image"] == f"ocdrnet:{VERSION}-cpu"
    assert gateway({})["containers"][0]["image"] == f"ocdrnet:{VERSION}-gateway"


@pytest.mark.parametrize(("mode", "image"), [("cpu", f"ocdrnet:{VERSION}-cpu"), ("gpu", f"ocdrnet:{VERSION}-tools")])
def test_helm_test_has_the_servers_image_unless_that_is_of_a_gpu(mode, image):
    (container,) = the({"mode": mode}, "Pod", "demo-ocdrnet-test-read")["spec"]["containers"]
    assert container["image"] == image


def test_bulk_jobs_and_load_tests_have_an_image_of_their_own():
    values = {
        "mode": "cpu",
        "bulk": {"enabled": True, "source": "/data", "output": "/data/text"},
        "loadtest": {"enabled": True},
    }
    specs = [each["spec"]["template"]["spec"] for each in objects(values) if "template" in each.get("spec", {})]
    found = {each["name"]: each["image"] for spec in specs for each in spec["containers"]}
    assert {name: found[name] for name in ("bulk", "locust")} == dict.fromkeys(
        ("bulk", "locust"), f"ocdrnet:{VERSION}-tools"
    )


def test_the_test_image_is_the_one_of_the_chart():
    config = the({}, "ConfigMap", "demo-ocdrnet-test-picture")
    assert base64.b64decode(config["binaryData"]["picture.png"]) == (CHART / "files/picture.png").read_bytes()
