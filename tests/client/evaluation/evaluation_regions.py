"""Regions for the evaluation's tests, written in a line."""

from ocdrnet_client import Line, Page
from ocdrnet_evaluation.datasets import Region


def upright(text, x, y, width, height):
    """A region that is an upright rectangle; `###` is a don't-care one."""
    points = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return Region(text, tuple((float(a), float(b)) for a, b in points), text == "###")


def page_of(*regions, width=200, height=100):
    """A page whose lines are these regions."""
    return Page(width, height, tuple(Line(region.text, 1.0, region.points, 1.0) for region in regions))


def truth_line(region):
    numbers = ",".join(f"{value:g}" for point in region.points for value in point)
    return f"{numbers},{region.text}\n"
