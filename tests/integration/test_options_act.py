"""Every option changes what is read, as its definition says."""

import cv2
import numpy as np
import pytest
from sample_truth import SAMPLES

from ocdrnet_ops.options import OPTIONS
from samples.drawing.curved import draw

RECEIPT = SAMPLES / "receipt.jpg"
ROTATED = SAMPLES / "rotated.jpg"


def curved():
    return np.asarray(draw()[0].image)[..., ::-1]


def faint_page():
    """Three lines, each fainter than the one above it."""
    page = np.full((300, 900, 3), 255, np.uint8)
    for row, shade in enumerate((0, 190, 232)):
        cv2.putText(page, "Copper Kettle", (40, 80 + 90 * row), cv2.FONT_HERSHEY_SIMPLEX, 2, (shade,) * 3, 3)
    return page


def areas(page):
    return sum(
        abs(np.cross(np.subtract(line.box[1], line.box[0]), np.subtract(line.box[3], line.box[0])))
        for line in page.lines
    )


def texts(page):
    return [line.text for line in page.lines]


def large_scan():
    """Fifteen small receipts side by side: where the whole is scaled for the detector, none can be read well."""
    return np.tile(cv2.resize(cv2.imread(str(RECEIPT)), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), (1, 15, 1))


# For each option: an image, two settings, and what must hold of the two answers.
CASES = {
    "binarize_threshold": (RECEIPT, 0.2, 0.8, lambda low, high: areas(low) > areas(high)),
    "box_threshold": (faint_page, 0.1, 0.97, lambda low, high: len(low.lines) > len(high.lines)),
    "unclip_ratio": (RECEIPT, 1.2, 2.0, lambda low, high: areas(low) < 0.95 * areas(high)),
    "max_candidates": (RECEIPT, 5, 1000, lambda few, all_: len(few.lines) <= 5 < len(all_.lines) and few.truncated),
    "min_size": (RECEIPT, 1, 40, lambda any_, large: len(any_.lines) > len(large.lines)),
    "detector_side": (RECEIPT, 96, 736, lambda coarse, fine: len(coarse.lines) < len(fine.lines)),
    "tiling": (large_scan, "off", "on", lambda off, on: len(on.lines) > len(off.lines)),
    "geometry": (
        curved,
        "quad",
        "polygon",
        lambda quad, polygon: (
            not any(line.polygon for line in quad.lines) and all(len(line.polygon) > 4 for line in polygon.lines)
        ),
    ),
    "upside_down": (
        lambda: np.rot90(cv2.imread(str(RECEIPT)), 2),
        "off",
        "on",
        lambda off, on: texts(off) != texts(on),
    ),
    "charset": (RECEIPT, "digits", "all", lambda digits, all_: "TOTAL" in texts(all_) and "TOTAL" not in texts(digits)),
    "min_text_score": (RECEIPT, 0.0, 1.0, lambda all_, none: len(all_.lines) > len(none.lines)),
    "merge": (
        RECEIPT,
        "word",
        "paragraph",
        lambda word, paragraph: (
            len(word.lines) > len(paragraph.lines)
            and sorted(" ".join(texts(word)).split()) == sorted(" ".join(texts(paragraph)).split())
        ),
    ),
    "characters": (
        RECEIPT,
        "off",
        "on",
        lambda off, on: (
            texts(off) == texts(on)
            and not any(word.characters for line in off.lines for word in line.words)
            and all(
                "".join(character.text for character in word.characters) == word.text
                for line in on.lines
                for word in line.words
            )
        ),
    ),
}


def test_there_is_a_case_for_every_option():
    assert sorted(CASES) == sorted(option.name for option in OPTIONS)


# The large scan takes as long as all others together.
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.full] * (name == "tiling")) for name in CASES])
def test_an_option_acts(client, name):
    picture, first, second, holds = CASES[name]
    image = picture() if callable(picture) else picture
    image = np.ascontiguousarray(image) if isinstance(image, np.ndarray) else image
    pages = [client.read(image, channel_order="BGR", **{name: value}) for value in (first, second)]
    print([(len(page.lines), texts(page)[:5]) for page in pages])
    assert holds(*pages)
