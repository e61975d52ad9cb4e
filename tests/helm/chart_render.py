"""Renders the chart offline."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import yaml
from helm_python import Chart

CHART = Path(__file__).parents[2] / "helm/ocdrnet"
CI = sorted((CHART / "ci").glob("*-values.yaml"))


@functools.cache
def _chart():
    return Chart.load(CHART)


@functools.cache
def _rendered(values):
    return _chart().render(values=json.loads(values), name="demo", namespace="ocr")


def rendered(values: Mapping) -> dict[str, str]:
    """Text by template, `helm template demo --namespace ocr` as it were."""
    return _rendered(json.dumps(values, sort_keys=True))


@functools.cache
def _parsed(text):
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def objects(values: Mapping) -> list[dict]:
    """Every object, templates in order."""
    texts = {name: text for name, text in rendered(values).items() if name.endswith(".yaml")}
    return [document for name in sorted(texts) for document in _parsed(texts[name])]


def of_kind(values: Mapping, kind: str, name: str = "") -> list[dict]:
    """Objects of a kind; with a name, the one so named."""
    found = [each for each in objects(values) if each["kind"] == kind]
    return [each for each in found if each["metadata"]["name"] == name] if name else found


def the(values: Mapping, kind: str, name: str = "demo-ocdrnet") -> dict:
    """The one object of that kind and name."""
    (found,) = of_kind(values, kind, name)
    return found


def pod_specs(manifests: list[dict]) -> list[tuple[dict, dict]]:
    """Each object that makes pods, with the pods' spec."""
    specs = []
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            specs.append((manifest, manifest["spec"]))
        elif "template" in manifest.get("spec", {}):
            specs.append((manifest, manifest["spec"]["template"]["spec"]))
    return specs


def ci_values(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
