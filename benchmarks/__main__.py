"""`python -m benchmarks`: what there is to measure."""

from __future__ import annotations

from importlib import import_module

NAMES = (
    *("stages", "pipeline", "separate_peers", "postprocess", "scaling", "growth", "networks", "recognizers"),
    *("precision", "front_end", "reading_order", "with_docling"),
)


def listing() -> str:
    """A line for each benchmark: its command and the first line of its docstring."""
    found = [(name, (import_module(f"benchmarks.{name}").__doc__ or "").partition("\n")[0]) for name in NAMES]
    return "\n".join(f"python -m benchmarks.{name:<12} {says}" for name, says in found)


if __name__ == "__main__":
    print(listing())
