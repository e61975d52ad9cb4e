"""What the rules, the dashboard and the autoscalers name stands in the answers of those who are asked."""

import json
import re
import urllib.request
from pathlib import Path

import pytest
import yaml
from chart_queries import autoscaling_queries
from prometheus_server import eventually, scraping
from promql_names import metric_names
from sample_truth import SAMPLES

from ocdrnet_deploy.repository.replace import ENSEMBLES
from ocdrnet_gateway.core.admission import Admission
from ocdrnet_gateway.core.memory import MemoryBudget
from ocdrnet_gateway.core.metrics import Metrics

MONITORING = Path(__file__).parents[2] / "deploy/monitoring"
RULES = [
    rule
    for group in yaml.safe_load((MONITORING / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))["panels"]
# Triton has these where it finds a GPU; no test machine has one.
GPU = {"nv_gpu_utilization", "nv_gpu_memory_used_bytes", "nv_gpu_memory_total_bytes", "nv_gpu_power_usage"}
# From kube-state-metrics, and the last one from the kubelet's cAdvisor: a cluster has them.
CLUSTER = {
    "kube_pod_container_status_ready",
    "kube_pod_container_status_restarts_total",
    "kube_pod_container_resource_requests",
    "kube_pod_container_resource_limits",
    "container_memory_working_set_bytes",
}
ELSEWHERE = GPU | CLUSTER
PATIENCE_S = 60


def panel_queries():
    for panel in PANELS:
        for target in panel.get("targets", ()):
            yield f"{panel['title']}: {target['legendFormat']}", target["expr"]


def as_grafana_asks(expr):
    return expr.replace("$namespace", ".*").replace("$pod", ".*").replace("$__rate_interval", "30s")


def named():
    exprs = [rule["expr"] for rule in RULES] + [expr for _, expr in panel_queries()]
    return set().union(*map(metric_names, [*exprs, *autoscaling_queries().values()]))


def metrics_text(served):
    with urllib.request.urlopen(served.addresses.metrics_url, timeout=30) as answer:
        return answer.read().decode()


def names_in(text):
    return set(re.findall(r"^([a-zA-Z_:][\w:]*)[{ ]", text, re.MULTILINE))


def gateways_text():
    metrics = Metrics(Admission(1, 1), MemoryBudget(1))
    metrics.note_request("/v1/infer", "POST", 200, 0.1)
    metrics.note_reading(1, 0.1, 0.1)
    return metrics.text().decode()


def test_names_are_found_in_promql():
    expr = 'sum by (a, b) (rate(nv_x{c=~"d|e{2}"}[5m])) / 1e6 > on (f) g:h offset 10m unless (i - 0.5) and up == 1'
    assert metric_names(expr) == {"nv_x", "g:h", "i", "up"}


def test_triton_answers_each_of_its_metrics(served):
    wanted = {name for name in named() - GPU if name.startswith("nv_")}
    assert len(wanted) > 10
    assert wanted <= names_in(metrics_text(served))


def test_gateway_answers_each_of_its_metrics():
    wanted = {name for name in named() if name.startswith("ocdrnet_")}
    assert len(wanted) > 5
    assert wanted <= names_in(gateways_text())


def test_nothing_else_is_named():
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    others = {name for name in named() if not name.startswith(("nv_", "ocdrnet_"))}
    assert others - recorded - {"up"} == CLUSTER
    assert named() & GPU == GPU
    assert {name for name in others if ":" in name} <= recorded


def test_steps_that_are_listed_are_the_servers(served):
    models = set(re.findall(r'nv_inference_count\{model="(\w+)"', metrics_text(served)))
    exprs = [rule["expr"] for rule in RULES] + [expr for _, expr in panel_queries()]
    lists = {one for expr in exprs for one in re.findall(r'model=~"([\w|]+)"', expr)}
    assert {frozenset(one.split("|")) for one in lists} == {
        frozenset(ENSEMBLES),
        frozenset(models - set(ENSEMBLES)),
        frozenset(models - set(ENSEMBLES) | {"ocrnet_plan"}),  # of plans with a recognizer of any width
        frozenset({"ocdnet", "ocrnet", "ocrnet_plan"}),
    }


def test_reasons_that_are_named_are_tritons(served):
    text = metrics_text(served)
    exprs = [rule["expr"] for rule in RULES] + [expr for _, expr in panel_queries()]
    for reason in {one for expr in exprs for one in re.findall(r'reason!?="(\w+)"', expr)}:
        assert f'reason="{reason}"' in text


@pytest.fixture(scope="module")
def prometheus(served, tmp_path_factory):
    """It has seen two pages read, two seconds apart, and one more request fail."""
    folder = tmp_path_factory.mktemp("prometheus")
    pod = {"namespace": "ocr", "pod": "demo-ocdrnet-6d4cf56db6-x2x7z"}
    with scraping(folder, served.addresses, pod, [MONITORING / "rules.yaml"]) as server:
        eventually(lambda: server.query("nv_inference_count"), PATIENCE_S)
        with served.client() as client:
            client.read(SAMPLES / "storefront.jpg")
        eventually(lambda: server.query("ocdrnet:latency_seconds:mean5m"), PATIENCE_S)
        yield server


def asks_triton_alone(expr):
    names = metric_names(expr)
    return not names & ELSEWHERE and not any("gateway" in name or "gpu" in name for name in names)


@pytest.mark.program("prometheus")
@pytest.mark.parametrize(
    "record", [rule["record"] for rule in RULES if "record" in rule and asks_triton_alone(rule["expr"])]
)
def test_recorded_series_come(prometheus, record):
    eventually(lambda: prometheus.query(record), PATIENCE_S)


@pytest.mark.program("prometheus")
@pytest.mark.parametrize(("name", "expr"), list(panel_queries()), ids=lambda value: value[:40])
def test_panels_are_promql_and_show_something(prometheus, name, expr):
    found = prometheus.query(as_grafana_asks(expr))
    # Nothing has failed; and what is not Triton's own is not scraped here.
    assert bool(found) is (asks_triton_alone(expr) and not name.startswith("Failed by step")), found


@pytest.mark.program("prometheus")
def test_alerts_of_a_healthy_server_are_silent(prometheus):
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
