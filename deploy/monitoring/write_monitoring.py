"""Write dashboard.json, and the copies of it and of rules.yaml that the chart ships.

python -m deploy.monitoring.write_monitoring
"""

from __future__ import annotations

import json
from pathlib import Path

from deploy.monitoring.dashboard import dashboard
from deploy.monitoring.panels import ROWS

HERE = Path(__file__).parent
RULES = HERE / "rules.yaml"
DASHBOARD = HERE / "dashboard.json"
# Helm reads no file outside of its chart.
CHART_FILES = HERE.parents[1] / "helm/ocdrnet/files"


def dashboard_text() -> str:
    """The dashboard as it is written."""
    return json.dumps(dashboard(ROWS), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DASHBOARD.write_text(dashboard_text(), encoding="utf-8")
    for source in (RULES, DASHBOARD):
        (CHART_FILES / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
