"""Another allowed value for each value of the chart."""

import json
from pathlib import Path

import yaml

from helm.commented_values import Value

_EXPRESSION = [{"namespaceSelector": {"matchLabels": {"other": "namespace"}}}]
_BY_DEFINITION = {
    "strings": {"other": "label"},
    "environment": {"OTHER": "value"},
    "digest": "sha256:" + "a" * 64,
    "pullPolicy": "Always",
    "shortName": "other",
    "optionalName": "other",
    "network": "/offline/other.onnx",
    "pairName": "street",
    "optionalPath": "/other",
    "quantity": "3Gi",
    "quantities": {"cpu": "3", "memory": "3Gi"},
    "limits": {"cpu": "7", "memory": "7Gi"},
    "stepProcesses": {"text_crop": 7},
    "promDuration": "7m",
    "countOrPercent": "34%",
    "extraPairs": {"other": {}},
}
_BY_ITEMS = {
    "localReference": [{"name": "other"}],
    "toleration": [{"operator": "Exists"}],
    "peer": _EXPRESSION,
    "parentRef": [{"name": "other"}],
    "host": ["other.example.com"],
    "ingressHost": [{"host": "other.example.com", "backend": "http"}],
    "ingressTls": [{"secretName": "other", "hosts": []}],
}
_BY_NAME = {
    "server.gpu.resourceName": "other.com/gpu",
    "server.tracing.url": "http://other/v1/traces",
    "server.extraFlags": ["--other"],
    "autoscaling.keda.serverAddress": "http://other",
    "gateway.tritonUrl": "grpc://other:8001",
    "gateway.store": "s3://other",
    "gateway.interfaces": ["nim"],
    "loadtest.runTime": "7h",
    "tests.words": ["other"],
    "networkPolicy.objectStorePorts": [9000],
    "networkPolicy.allowedHostsPorts": [9000],
}


def another(value: Value, current: object) -> object:
    """An allowed value other than the current one."""
    if value.name in _BY_NAME:
        return _BY_NAME[value.name]
    constraints = value.constraints
    if "$ref" in constraints:
        return _BY_DEFINITION[_definition(constraints)]
    if "enum" in constraints:
        return next(each for each in constraints["enum"] if each not in (current, ""))
    if isinstance(value.default, list):
        items = constraints["items"]
        return _BY_ITEMS[_definition(items)] if "$ref" in items else ["other"]
    return _plain(current)


def _plain(current: object) -> object:
    if isinstance(current, bool):
        return not current
    return current + 1 if isinstance(current, int) else f"{current}other"


def _definition(constraints: dict) -> str:
    return constraints["$ref"].rpartition("/")[2]


def with_value(values: dict, path: tuple[str, ...], value: object) -> dict:
    """The values with another one at a path."""
    changed = json.loads(json.dumps(values))
    group = changed
    for key in path[:-1]:
        group = group.setdefault(key, {})
    group[path[-1]] = value
    return changed


def value_at(values: dict, path: tuple[str, ...]) -> object:
    """The value at a path, None if there is none."""
    found: object = values
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def template_texts(chart: Path) -> dict[str, str]:
    return {
        path.name: path.read_text(encoding="utf-8") for path in sorted(chart.glob("templates/**/*")) if path.is_file()
    }


def defaults(chart: Path) -> dict:
    return yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
