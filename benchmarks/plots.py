"""Plots of the benchmarks: bars of named figures, lines of series over a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

SIZE = (8, 4.5)  # inches


def bars(path: Path, title: str, axis: str, values: Mapping[str, float]) -> None:
    """Horizontal bars, the first on top.

    Args:
        path: of the PNG or SVG file; its folder exists.
        title: above the plot.
        axis: what the length means, with its unit.
        values: by name.
    """
    figure = Figure(figsize=(SIZE[0], 1.2 + 0.32 * len(values)), layout="constrained")
    axes = figure.subplots()
    drawn = axes.barh(list(values), list(values.values()), color="#3b75af")
    axes.bar_label(drawn, fmt="%.3g", padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(title=title, xlabel=axis)
    figure.savefig(path, dpi=120)


def lines(
    path: Path, title: str, axes_names: tuple[str, str], series: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """One line with markers for each series.

    Args:
        path: of the PNG or SVG file; its folder exists.
        title: above the plot.
        axes_names: of x and y, with units.
        series: points (x, y) by name.
    """
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for name, points in series.items():
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", label=name)
    axes.set(title=title, xlabel=axes_names[0], ylabel=axes_names[1], ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
