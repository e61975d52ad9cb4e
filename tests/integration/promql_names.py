"""Metrics that PromQL names."""

import re

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\w|:|\s*\()")
_WORDS = {"and", "or", "unless", "offset", "bool"}


def metric_names(expr: str) -> set[str]:
    """All of them; numbers and durations start with a digit, and so are none."""
    for pattern in (_TEXT, _SELECTOR, _LABELS):
        expr = pattern.sub(" ", expr)
    return set(_NAME.findall(expr)) - _WORDS
