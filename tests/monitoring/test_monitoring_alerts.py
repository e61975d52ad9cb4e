"""Every alert on synthetic series, by promtool: it fires where it should and is silent where it should not."""

import subprocess
from pathlib import Path

import pytest
import yaml
from alert_cases import GATEWAY, KUBERNETES, SERVER, THROUGH_GATEWAY, TRITON

RULES = Path(__file__).parents[2] / "deploy/monitoring/rules.yaml"
CASES = [*TRITON, *KUBERNETES, *THROUGH_GATEWAY]
GROUPS = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}


def expected(case):
    name = f"Ocdrnet{case.alert}"
    where = {} if case in KUBERNETES else GATEWAY if case in THROUGH_GATEWAY else SERVER
    labels = {**where, **case.labels, "severity": ALERTS[name]["labels"]["severity"]}
    texts = {"summary": case.fires, "runbook": f"docs/monitoring.md#{name.lower()}"}
    return {"exp_labels": labels, "exp_annotations": texts}


def promtool_file(case):
    inputs = [{"series": name, "values": values} for name, values in case.series.items()]
    asked = [{"eval_time": f"{case.minute}m", "exp_alerts": [expected(case)] if case.fires else []}]
    if case.fires:
        asked.append({"eval_time": f"{case.minute - 1}m", "exp_alerts": []})
    tests = [{"alertname": f"Ocdrnet{case.alert}", **each} for each in asked]
    test = {"interval": "1m", "input_series": inputs, "alert_rule_test": tests}
    # Prometheus evaluates groups side by side; here the recorded series come first, so that minutes are exact.
    order = [group["name"] for group in GROUPS]
    return {"rule_files": [str(RULES)], "evaluation_interval": "1m", "group_eval_order": order, "tests": [test]}


@pytest.mark.program("promtool")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.what}")
def test_alert_on_synthetic_series(case, tmp_path):
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump(promtool_file(case)), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_firing_and_silent():
    for fires in (True, False):
        assert {f"Ocdrnet{case.alert}" for case in CASES if bool(case.fires) is fires} == set(ALERTS)


@pytest.mark.program("promtool")
def test_promtool_accepts_the_rules():
    done = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", RULES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
