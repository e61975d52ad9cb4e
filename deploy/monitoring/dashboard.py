"""The Grafana dashboard as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from deploy.monitoring.panels import Panel

_COLUMNS = 24
_HEIGHTS = {"stat": 4, "timeseries": 8}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Known by every Grafana since 10.3.
_SCHEMA = 39


def dashboard(rows: Mapping[str, tuple[Panel, ...]]) -> dict[str, Any]:
    """What Grafana imports; the data source and the pods are variables."""
    return {
        "uid": "ocdrnet",
        "title": "ocdrnet",
        "tags": ["ocdrnet", "triton"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,  # one cross-hair through all panels
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_data_source(), *_pods()]},
        "panels": list(_placed(rows)),
    }


def _data_source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _pods() -> Iterator[dict[str, Any]]:
    server = 'nv_inference_count{model="ocdrnet"}'
    yield _variable("namespace", "Namespace", f"label_values({server}, namespace)")
    yield _variable("pod", "Pod", 'label_values(nv_inference_count{model="ocdrnet",namespace=~"$namespace"}, pod)')


def _variable(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,  # when the time range changes: pods come and go
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _placed(rows: Mapping[str, tuple[Panel, ...]]) -> Iterator[dict[str, Any]]:
    ids, top = count(1), 0
    for title, panels in rows.items():
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {"id": next(ids), "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}
        top, left = top + 1, 0
        height = _HEIGHTS[panels[0].kind]
        for panel in panels:
            if left + panel.width > _COLUMNS:
                top, left = top + height, 0
            yield _panel(panel, next(ids), {"x": left, "y": top, "w": panel.width, "h": height})
            left += panel.width
        top += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": expr, "legendFormat": legend, "range": True}
            for at, (legend, expr) in enumerate(panel.queries.items())
        ],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, **_colours(panel), **_drawn(panel)},
            "overrides": [],
        },
        "options": _options(panel),
    }


def _colours(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    return {"thresholds": {"mode": "absolute", "steps": steps}}


def _drawn(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"color": {"mode": "thresholds"}}
    custom = {
        "drawStyle": "line",
        "fillOpacity": 30 if panel.is_stacked else 0,
        "showPoints": "never",
        "stacking": {"mode": "normal" if panel.is_stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "off" if panel.limit is None else "line"},
    }
    return {"custom": custom}


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {"graphMode": "area", "colorMode": "value", "reduceOptions": {"calcs": ["lastNotNull"]}}
    return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
