"""Answers of the `ocdrnet` model as its tensors, and the pages they stand for."""

import numpy as np

from ocdrnet_client import Line, Page, Word


def box(x, y, width, height):
    left, top, right, bottom = float(x), float(y), float(x + width), float(y + height)
    return (left, top), (right, top), (right, bottom), (left, bottom)


def tensors_of(page):
    """The model's outputs for a page. Words are sent in the order of their lines, as the server does."""
    words = [(index, word) for index, line in enumerate(page.lines) for word in line.words]
    return {
        "BOXES": np.array([line.box for line in page.lines], np.float32).reshape(-1, 4, 2),
        "POLYGONS": np.array([line.outline for line in page.lines], np.float32).reshape(len(page.lines), -1, 2)
        if page.lines
        else np.zeros((0, 4, 2), np.float32),
        "PARAGRAPHS": np.array([line.paragraph for line in page.lines], np.int32),
        "BOX_SCORES": np.array([line.box_score for line in page.lines], np.float32),
        "TEXTS": np.array([line.text.encode() for line in page.lines], object),
        "TEXT_SCORES": np.array([line.score for line in page.lines], np.float32),
        "WORD_BOXES": np.array([word.box for _, word in words], np.float32).reshape(-1, 4, 2),
        "WORD_TEXTS": np.array([word.text.encode() for _, word in words], object),
        "WORD_SCORES": np.array([word.score for _, word in words], np.float32),
        "WORD_LINES": np.array([index for index, _ in words], np.int32),
        "IMAGE_SIZE": np.array([page.width, page.height], np.int32),
        "FRAMES": np.array([page.frames], np.int32),
        "TRUNCATED": np.array([page.truncated], bool),
        "UNREADABLE": np.array([page.unreadable], np.int32),
    }


# Scores are eighths, which float32 holds exactly.
EMPTY = Page(640, 480)
TWO_LINES = Page(
    640,
    480,
    (
        Line(
            "Grüße 你好",
            0.875,
            box(10, 20, 200, 30),
            0.75,
            (Word("Grüße", 0.5, box(10, 20, 110, 30)), Word("你好", 1.0, box(130, 20, 80, 30))),
        ),
        Line("", 0.25, box(10.5, 60, 40, 20.5), 0.125),
        Line("12.5", 0.625, box(300, 200, 60, 18), 0.5, (Word("12.5", 0.625, box(300, 200, 60, 18)),), 1),
    ),
    truncated=True,
    frames=3,
)

CURVED = Page(
    640,
    480,
    (
        Line("arc", 0.875, box(0, 0, 90, 60), 0.75, polygon=((0, 50), (45, 0), (90, 50), (80, 60), (45, 20), (10, 60))),
        Line(
            "bow", 0.75, box(0, 90, 90, 60), 0.5, polygon=((0, 90), (45, 130), (90, 90), (90, 110), (45, 150), (0, 110))
        ),
    ),
)
