"""The dashboard as Grafana imports it, and the copies that the chart ships."""

import itertools
import json
import re
import subprocess

import pytest
import yaml

from deploy.monitoring.dashboard import dashboard
from deploy.monitoring.panels import Panel
from deploy.monitoring.write_monitoring import CHART_FILES, DASHBOARD, HERE, RULES, dashboard_text

BOARD = json.loads(DASHBOARD.read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
TARGETS = [target for panel in PANELS for target in panel["targets"]]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def test_file_is_what_the_panels_say():
    assert DASHBOARD.read_text(encoding="utf-8") == dashboard_text()


@pytest.mark.parametrize("source", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_chart_ships_the_same_file(source):
    assert (CHART_FILES / source.name).read_text(encoding="utf-8") == source.read_text(encoding="utf-8")


def test_data_source_and_pods_are_variables():
    variables = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert [each["datasource"] for each in PANELS + TARGETS] == [SOURCE] * (len(PANELS) + len(TARGETS))
    for name in ("namespace", "pod"):
        assert variables[name]["datasource"] == SOURCE
        # Without Kubernetes there are no such labels, which `.*` matches and `.+` does not.
        assert variables[name]["allValue"] == ".*"


def test_every_variable_is_used_and_known():
    used = set(re.findall(r"\$(\w+)", json.dumps(BOARD)))
    known = {variable["name"] for variable in BOARD["templating"]["list"]}
    assert used - {"__rate_interval", "__all"} == known - {"datasource"}


def test_ids_are_unique_and_panels_do_not_overlap():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for one, other in itertools.combinations([panel["gridPos"] for panel in BOARD["panels"]], 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
    assert max(panel["gridPos"]["x"] + panel["gridPos"]["w"] for panel in BOARD["panels"]) <= 24


def test_panels_wrap_to_the_next_line():
    rows = {
        "first": tuple(Panel(str(at), {"": "up"}, "none", width=10) for at in range(3)),
        "second": (Panel("3", {}, "s"),),
    }
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard(rows)["panels"]]
    assert places == [(0, 0), (0, 1), (10, 1), (0, 9), (0, 17), (0, 18)]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_asks_and_has_a_unit(panel):
    assert panel["targets"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    refs = [target["refId"] for target in panel["targets"]]
    assert len(set(refs)) == len(refs)


@pytest.mark.parametrize(
    "metric",
    [
        "nv_inference_request_success",
        "nv_inference_count",
        "nv_inference_exec_count",
        "nv_inference_queue_duration_us",
        "nv_inference_compute_infer_duration_us",
        "nv_inference_request_failure",
        "nv_gpu_utilization",
        "nv_gpu_memory_used_bytes",
        "nv_cpu_memory_used_bytes",
    ],
)
def test_what_an_operator_needs_is_shown(metric):
    assert any(metric in target["expr"] for target in TARGETS)


def test_limits_are_those_of_the_alerts_and_of_the_chart():
    limits = {panel["title"]: panel["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] for panel in PANELS}
    exprs = {
        rule.get("alert"): rule["expr"]
        for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    }
    values = yaml.safe_load((CHART_FILES.parent / "values.yaml").read_text(encoding="utf-8"))
    target = values["autoscaling"]["queueMilliseconds"]
    assert exprs["OcdrnetLatencyObjectiveMissed"].endswith(f"> {limits['Latency']}")
    assert exprs["OcdrnetErrorRatio"].endswith(f"> {limits['Failing']}")
    assert exprs["OcdrnetGatewayLatencyObjectiveMissed"].endswith(f"> {limits['Gateway: latency']}")
    assert exprs["OcdrnetQueueLong"].endswith(f"> {4 * target}")
    assert {limits[name] for name in ("Longest queue", "Queue by step", "What the autoscaler sees")} == {target}


@pytest.mark.program("promtool")
def test_queries_are_promql(tmp_path):
    exprs = [target["expr"].replace("$__rate_interval", "1m") for target in TARGETS]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(exprs)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.program("promtool")
def test_prometheus_takes_the_configuration_of_compose(tmp_path):
    config = (HERE / "prometheus.yml").read_text(encoding="utf-8")
    assert "[/etc/prometheus/rules.yaml]" in config
    (tmp_path / "prometheus.yml").write_text(config.replace("/etc/prometheus", str(HERE)), encoding="utf-8")
    command = ["promtool", "check", "config", tmp_path / "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_job_of_compose_is_the_one_that_an_alert_names():
    jobs = yaml.safe_load((HERE / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    paths = {job["job_name"]: job.get("metrics_path", "/metrics") for job in jobs}
    assert paths == {"ocdrnet-triton": "/metrics", "ocdrnet-gateway": "/v1/metrics"}
    assert 'up{job="ocdrnet-triton"} == 0' in RULES.read_text(encoding="utf-8")
