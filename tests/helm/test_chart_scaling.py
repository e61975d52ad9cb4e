"""Two autoscalers on one query, and what keeps pods when nodes are drained."""

import re

import pytest
import yaml
from chart_matrix import merged
from chart_pods import triton
from chart_render import of_kind, the

HPA = {"autoscaling": {"type": "hpa", "minReplicas": 2, "maxReplicas": 9, "queueMilliseconds": 80}}
KEDA = {"autoscaling": {**HPA["autoscaling"], "type": "keda"}}
ZERO = {"autoscaling": {"type": "keda", "minReplicas": 0, "keda": {"wakeQuery": "sum(x)", "cooldownSeconds": 90}}}
GATEWAY = {"gateway": {"enabled": True, "keysSecret": "k"}}


def adapter_rule(values):
    (rule,) = yaml.safe_load(the(values, "ConfigMap", "demo-ocdrnet-adapter-rule")["data"]["rules.yaml"])
    return rule


def test_hpa_holds_the_queue_of_the_deployment():
    hpa = the(HPA, "HorizontalPodAutoscaler")["spec"]
    assert hpa["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo-ocdrnet"}
    assert (hpa["minReplicas"], hpa["maxReplicas"]) == (2, 9)
    (metric,) = hpa["metrics"]
    assert metric["pods"]["metric"]["name"] == adapter_rule(HPA)["name"]["as"]
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "80"}


def test_the_adapter_gives_the_metric_to_pods_and_their_namespaces():
    rule = adapter_rule(HPA)
    assert rule["resources"]["overrides"] == {"namespace": {"resource": "namespace"}, "pod": {"resource": "pod"}}
    assert rule["seriesQuery"].startswith("nv_inference_queue_duration_us{")


def test_keda_compares_the_same_number():
    (trigger,) = the(KEDA, "ScaledObject")["spec"]["triggers"]
    assert trigger["metricType"] == "AverageValue"
    assert trigger["metadata"]["threshold"] == "80"


def test_both_ask_the_same_query():
    (trigger,) = the(KEDA, "ScaledObject")["spec"]["triggers"]
    as_adapter = (
        adapter_rule(HPA)["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", "SELECTOR")
    )
    as_keda = re.sub(r'\{namespace=.*?"\}', "{SELECTOR}", trigger["metadata"]["query"])
    assert as_keda == f"sum({as_adapter})"


def test_the_query_is_of_the_pods_of_one_pair():
    (trigger,) = the(merged(KEDA, {"extraPairs": {"street": {}}}), "ScaledObject")["spec"]["triggers"]
    pattern = re.search(r'pod=~"([^"]+)"', trigger["metadata"]["query"])[1]
    assert 'namespace="ocr"' in trigger["metadata"]["query"]
    assert re.fullmatch(pattern, "demo-ocdrnet-6d4cf56db6-x2x7z")
    assert not re.fullmatch(pattern, "demo-ocdrnet-street-6d4cf56db6-x2x7z")


def test_a_pair_that_alone_is_scaled_has_the_adapters_rule_too():
    values = {"extraPairs": {"street": {"autoscaling": {"type": "hpa", "window": "4m"}}}}
    assert "[4m]" in adapter_rule(values)["metricsQuery"]
    assert [hpa["metadata"]["name"] for hpa in of_kind(values, "HorizontalPodAutoscaler")] == ["demo-ocdrnet-street"]
    assert of_kind({}, "HorizontalPodAutoscaler") == []


def test_the_window_is_that_of_the_values():
    windows = re.findall(r"\[(\w+)\]", adapter_rule(merged(HPA, {"autoscaling": {"window": "3m"}}))["metricsQuery"])
    assert windows == ["3m", "3m"]


@pytest.mark.parametrize("values", [HPA, KEDA])
def test_pods_go_slowly_and_come_fast(values):
    if values is HPA:
        behavior = the(values, "HorizontalPodAutoscaler")["spec"]["behavior"]
    else:
        behavior = the(values, "ScaledObject")["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    assert behavior["scaleUp"]["policies"] == [{"type": "Pods", "value": 4, "periodSeconds": 60}]


@pytest.mark.parametrize("values", [HPA, KEDA])
def test_an_autoscaler_alone_sets_the_replicas(values):
    assert "replicas" not in the(values, "Deployment")["spec"]
    assert the({}, "Deployment")["spec"]["replicas"] == 1
    assert len(of_kind(values, "HorizontalPodAutoscaler") + of_kind(values, "ScaledObject")) == 1


def test_from_zero_the_wake_query_brings_one_pod_and_never_two():
    scaled = the(ZERO, "ScaledObject")["spec"]
    assert (scaled["minReplicaCount"], scaled["cooldownPeriod"]) == (0, 90)
    _, wake = scaled["triggers"]
    assert wake["metricType"] == "AverageValue"
    assert wake["metadata"]["query"] == "clamp_max(sum(x), 1)"
    assert (wake["metadata"]["threshold"], wake["metadata"]["activationThreshold"]) == ("1", "0")


def test_a_gateway_stays_ready_where_triton_may_sleep():
    asleep = the(merged(ZERO, GATEWAY), "Deployment", "demo-ocdrnet-gateway")["spec"]["template"]["spec"]["containers"][
        0
    ]
    awake = the(merged(KEDA, GATEWAY), "Deployment", "demo-ocdrnet-gateway")["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert asleep["readinessProbe"]["httpGet"]["path"] == "/v1/health/live"
    assert awake["readinessProbe"]["httpGet"]["path"] == "/v1/health/ready"


def test_drains_take_one_pod_at_a_time():
    budget = the(GATEWAY, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == the({}, "Deployment")["spec"]["selector"]
    assert len(of_kind(GATEWAY, "PodDisruptionBudget")) == 2
    assert of_kind({"podDisruptionBudget": {"enabled": False}, **GATEWAY}, "PodDisruptionBudget") == []


def test_gateway_scales_on_its_cpu():
    shared = {"store": "s3://x", "existingSecret": "y", "autoscaling": {"enabled": True, "targetCpuPercent": 55}}
    store = {"networkPolicy": {"objectStore": [{"podSelector": {}}]}}
    hpa = the(merged(GATEWAY, store, {"gateway": shared}), "HorizontalPodAutoscaler", "demo-ocdrnet-gateway")["spec"]
    assert hpa["metrics"][0]["resource"] == {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 55}}


def test_connections_end_so_that_callers_find_new_pods():
    args = triton({"server": {"grpc": {"maxConnectionAgeSeconds": 120, "maxConnectionAgeGraceSeconds": 30}}})["args"]
    assert "--grpc-max-connection-age=120000" in args
    assert "--grpc-max-connection-age-grace=30000" in args
    never = triton({"server": {"grpc": {"maxConnectionAgeSeconds": 0}}})["args"]
    assert [arg for arg in never if "connection-age" in arg] == []
