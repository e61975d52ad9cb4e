"""What the chart's autoscalers ask Prometheus, rendered offline."""

from pathlib import Path

import yaml
from helm_python import Chart

CHART = Path(__file__).parents[2] / "helm/ocdrnet"
NAMESPACE = "ocr"
POD = "demo-ocdrnet-6d4cf56db6-x2x7z"  # as a Deployment of the release `demo` names it


def autoscaling_queries(window="1m"):
    """By the autoscaler's kind: the queries, their selectors as they are when asked for `POD`."""
    return {"keda": _keda(window)["query"], "hpa": _hpa(window)}


def autoscaling_target():
    """Milliseconds, the chart's default."""
    return float(_keda("1m")["threshold"])


def _keda(window):
    (scaled,) = _rendered("keda", window, "ScaledObject")
    return scaled["spec"]["triggers"][0]["metadata"]


def _hpa(window):
    maps = _rendered("hpa", window, "ConfigMap")
    (rules,) = (each["data"]["rules.yaml"] for each in maps if each["metadata"]["name"].endswith("-adapter-rule"))
    query = yaml.safe_load(rules)[0]["metricsQuery"]
    return query.replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", f'namespace="{NAMESPACE}",pod="{POD}"')


def _rendered(kind, window, of_kind):
    values = {"autoscaling": {"type": kind, "window": window}}
    texts = Chart.load(CHART).render(values=values, name="demo", namespace=NAMESPACE)
    for name, text in texts.items():
        if name.endswith(".yaml"):
            yield from (each for each in yaml.safe_load_all(text) if each and each["kind"] == of_kind)
