"""The chart's values with their comments, read from values.yaml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "ocdrnet"
_SCHEMA_MARK = "# @schema "


@dataclass(frozen=True)
class Value:
    """One value.

    Attributes:
        path: its keys, from the root.
        default: as YAML reads it; for a group the mapping of its values.
        about: its comment, in one line; empty for a group.
        constraints: what the comment's `@schema` line says of it, as JSON Schema.
        children: values of a group; empty for a leaf.
    """

    path: tuple[str, ...]
    default: Any
    about: str = ""
    constraints: dict[str, Any] = field(default_factory=dict)
    children: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        """The path as `--set` takes it."""
        return ".".join(self.path)

    @property
    def leaves(self) -> Iterator[Value]:
        """This value, or the leaves of this group."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves


def read_values(text: str) -> tuple[Value, ...]:
    """The values of a commented file.

    A block mapping without a comment of its own is a group; any other key is a value, whatever its default.

    Raises:
        ValueError: a value has no comment.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return _read(root, text.splitlines(), ())


def _read(node: yaml.MappingNode, lines: list[str], above: tuple[str, ...]) -> tuple[Value, ...]:
    return tuple(_value(key, value, lines, above) for key, value in node.value)


def _value(key: yaml.ScalarNode, node: yaml.Node, lines: list[str], above: tuple[str, ...]) -> Value:
    path = (*above, key.value)
    about, constraints = _comment(lines, key.start_mark.line)
    default = yaml.SafeLoader("").construct_object(node, deep=True)
    if isinstance(node, yaml.MappingNode) and node.value and not about:
        return Value(path, default, children=_read(node, lines, path))
    if not about:
        raise ValueError(f"{'.'.join(path)} has no comment")
    return Value(path, default, about, constraints)


def _comment(lines: list[str], key_line: int) -> tuple[str, dict[str, Any]]:
    """The comment that ends right above a key, and its `@schema` line."""
    above: list[str] = []
    for line in reversed(lines[:key_line]):
        if not line.strip().startswith("#"):
            break
        above.insert(0, line.strip())
    said = [line.removeprefix("# ") for line in above if not line.startswith(_SCHEMA_MARK)]
    marks = [line.removeprefix(_SCHEMA_MARK) for line in above if line.startswith(_SCHEMA_MARK)]
    return " ".join(said), yaml.safe_load(marks[0]) if marks else {}
