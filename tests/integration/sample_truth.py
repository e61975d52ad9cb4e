"""The committed samples and what stands on them."""

import json
from pathlib import Path

import numpy as np
from shapely.geometry import Polygon

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
SMALL = ("storefront.jpg", "receipt.jpg", "languages.png", "rotated.jpg", "blank.png")
NAMES = (*SMALL, "page.png")


def sample(name):
    return (SAMPLES / name).read_bytes()


def truth_lines(name):
    """Dicts of `text`, `box` and `words`."""
    return json.loads((SAMPLES / name).with_suffix(".json").read_text(encoding="utf-8"))["lines"]


def truth_boxes(name):
    """float32 [N, 4, 2]."""
    return np.array([line["box"] for line in truth_lines(name)], np.float32)


def without_spaces(text):
    return "".join(text.split())


def overlap(box, other):
    """Intersection over union of two quads."""
    a, b = Polygon(box), Polygon(other)
    return a.intersection(b).area / a.union(b).area


def is_middle_inside(box, other):
    """Whether the middle of one quad lies in the other."""
    return Polygon(other).contains(Polygon(box).centroid)
