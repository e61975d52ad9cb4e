"""Scraping, rules and the dashboard, as the files beside the templates have them."""

import json
import subprocess

import pytest
import yaml
from chart_matrix import merged
from chart_render import CHART, of_kind, the
from chart_schemas import problems

ON = {"monitoring": {"rules": True, "dashboard": True, "labels": {"release": "prometheus"}, "intervalSeconds": 7}}
GATEWAY = {"gateway": {"enabled": True, "keysSecret": "k"}}


def scraped(kind):
    return merged(ON, GATEWAY, {"monitoring": {"scrape": kind}})


def test_rules_are_those_of_the_file():
    rule = the(ON, "PrometheusRule")
    assert rule["spec"] == yaml.safe_load((CHART / "files/rules.yaml").read_text(encoding="utf-8"))
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert problems(rule) == []


def test_dashboard_is_that_of_the_file():
    config = the(ON, "ConfigMap", "demo-ocdrnet-dashboard")
    assert json.loads(config["data"]["ocdrnet.json"]) == json.loads(
        (CHART / "files/dashboard.json").read_text(encoding="utf-8")
    )
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_pod_monitor_finds_both_and_asks_each_by_its_path():
    monitor = the(scraped("podMonitor"), "PodMonitor")["spec"]
    assert [(each["port"], each["path"], each["interval"]) for each in monitor["podMetricsEndpoints"]] == [
        ("metrics", "/metrics", "7s"),
        ("http", "/v1/metrics", "7s"),
    ]
    assert monitor["podMetricsEndpoints"][1]["relabelings"][0]["regex"] == "gateway"


def test_service_monitor_finds_the_services_of_metrics():
    values = scraped("serviceMonitor")
    selector = the(values, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    found = [s for s in of_kind(values, "Service") if selector.items() <= s["metadata"]["labels"].items()]
    assert sorted(s["metadata"]["name"] for s in found) == ["demo-ocdrnet-gateway", "demo-ocdrnet-metrics"]
    names = {port["name"] for service in found for port in service["spec"]["ports"]}
    assert {each["port"] for each in the(values, "ServiceMonitor")["spec"]["endpoints"]} == names


@pytest.mark.parametrize("kind", ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
def test_nothing_of_the_operator_by_default(kind):
    assert of_kind({}, kind) == []


def queries():
    keda = {"autoscaling": {"type": "keda", "minReplicas": 0, "keda": {"wakeQuery": 'sum(rate(x{a="b"}[2m]))'}}}
    for trigger in the(keda, "ScaledObject")["spec"]["triggers"]:
        yield trigger["metadata"]["query"]
    adapter = the({"autoscaling": {"type": "hpa"}}, "ConfigMap", "demo-ocdrnet-adapter-rule")["data"]["rules.yaml"]
    yield (
        yaml.safe_load(adapter)[0]["metricsQuery"]
        .replace("<<.GroupBy>>", "pod")
        .replace("<<.LabelMatchers>>", 'pod="x"')
    )


@pytest.mark.program("promtool")
def test_queries_and_rules_are_promql(tmp_path):
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    assert len(rules) == 3
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    command = ["promtool", "check", "rules", tmp_path / "queries.yaml", CHART / "files/rules.yaml"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
