"""docs/monitoring.md has a part of the runbook for every alert, under the name that the alert's annotation links to."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
GROUPS = yaml.safe_load((ROOT / "deploy/monitoring/rules.yaml").read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
RUNBOOK = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alert_links_to_its_part_of_the_runbook(alert):
    name = alert["alert"]
    assert alert["annotations"]["runbook"] == f"docs/monitoring.md#{name.lower()}"
    assert "1. " in RUNBOOK[name] or "](#" in RUNBOOK[name] or "`Ocdrnet" in RUNBOOK[name]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_table_says_what_the_rule_says(alert):
    name = alert["alert"]
    (row,) = re.findall(rf"^\| \[{name}\]\(#{name.lower()}\) \|(.*)\|$", PAGE, re.MULTILINE)
    _, lasts, severity = (cell.strip() for cell in row.split("|"))
    assert (lasts, severity) == (alert.get("for", "at once"), alert["labels"]["severity"])


def test_no_part_is_of_an_alert_that_is_gone():
    assert list(RUNBOOK) == [alert["alert"] for alert in ALERTS]


def test_links_within_the_page_lead_somewhere():
    headings = {heading.lower() for heading in re.findall(r"^#+ (\S+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings


@pytest.mark.parametrize(
    "path", re.findall(r"\]\((?!#|https://)([^)]+)\)", PAGE) + re.findall(r"`((?:deploy|tests)/[\w./]+)`", PAGE)
)
def test_files_of_the_page_exist(path):
    assert any((folder / path).exists() for folder in (ROOT, ROOT / "docs"))


def test_values_of_the_page_are_the_charts():
    values = yaml.safe_load((ROOT / "helm/ocdrnet/values.yaml").read_text(encoding="utf-8"))
    named = re.findall(r"`((?:autoscaling|monitoring|server|models|networkPolicy)(?:\.\w+)+)", PAGE)
    assert len(set(named)) > 8
    for name in named:
        part = values
        for key in name.split("."):
            assert key in part, name
            part = part[key]
