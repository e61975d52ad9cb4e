"""Write the chart's values.schema.json and the table in its README from values.yaml, and its numbers from the build's.

python -m helm.write_chart_documents
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from helm.commented_values import CHART, Value, read_values
from ocdrnet_deploy.repository.profile import (
    BUSY,
    MOST_PROCESSES,
    STEP_SHARES,
    STEPS_BESIDE_A_GPU,
    STEPS_BESIDE_NETWORKS,
)

VALUES = CHART / "values.yaml"
SCHEMA = CHART / "values.schema.json"
README = CHART / "README.md"
PROCESSES = CHART / "files/step-processes.json"
_DEFINITIONS = Path(__file__).parent / "schema_definitions.json"
_BEGIN = "<!-- values: written by `python -m helm.write_chart_documents` -->\n"
_END = "<!-- end of values -->"
_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


def schema_text(values: Iterable[Value]) -> str:
    """The JSON Schema of the values; keys that values.yaml lacks are refused at every level.

    `global` is let through at the root, because Helm hands it to every chart that another one depends on.
    """
    properties = {value.path[-1]: _schema(value) for value in values}
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        "properties": {"global": {"type": "object"}, **properties},
        "$defs": json.loads(_DEFINITIONS.read_text(encoding="utf-8")),
    }
    return json.dumps(schema, indent=2) + "\n"


def processes_text() -> str:
    """How many processes of each Python step a core keeps busy in each mode of the chart, and the most of a step."""
    beside = {"cpu": STEPS_BESIDE_NETWORKS, "gpu": STEPS_BESIDE_A_GPU}
    per_core = {
        mode: {step: round(cores * share / BUSY, 12) for step, share in STEP_SHARES.items()}
        for mode, cores in beside.items()
    }
    return json.dumps({"most": MOST_PROCESSES, "perCore": per_core}, indent=2) + "\n"


def readme_page(page: str, values: Iterable[Value]) -> str:
    """The README with the table of the values.

    Raises:
        ValueError: it has no place for one.
    """
    rows = "".join(_row(leaf) for value in values for leaf in value.leaves)
    table = f"\n| value | default | what |\n|---|---|---|\n{rows}\n"
    pattern = re.escape(_BEGIN) + ".*?" + re.escape(_END)
    written, places = re.subn(pattern, lambda _: _BEGIN + table + _END, page, flags=re.DOTALL)
    if places != 1:
        raise ValueError(f"{README.name} must hold the two marks around its table once")
    return written


def _schema(value: Value) -> dict[str, Any]:
    if value.children:
        properties = {child.path[-1]: _schema(child) for child in value.children}
        return {"type": "object", "additionalProperties": False, "properties": properties}
    # draft-07 ignores what stands beside a $ref, so the description stands around it.
    if "$ref" in value.constraints:
        return {"description": value.about, "allOf": [value.constraints]}
    return {"description": value.about, "type": _TYPES[type(value.default)], **value.constraints}


def _row(leaf: Value) -> str:
    default = json.dumps(leaf.default, ensure_ascii=False)
    return "| " + " | ".join((f"`{leaf.name}`", f"`{default}`", leaf.about.replace("|", "\\|"))) + " |\n"


if __name__ == "__main__":
    chart_values = read_values(VALUES.read_text(encoding="utf-8"))
    PROCESSES.write_text(processes_text(), encoding="utf-8")
    SCHEMA.write_text(schema_text(chart_values), encoding="utf-8")
    README.write_text(readme_page(README.read_text(encoding="utf-8"), chart_values), encoding="utf-8")
