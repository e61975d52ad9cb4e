"""Answers of the `ocdrnet` model as its tensors, and the pages they stand for."""

import numpy as np

from ocdrnet_client import Character, Line, Page, Word


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
        "CHARACTERS": np.array(
            [row for index, (_, word) in enumerate(words) for row in _character_rows(index, word)], np.float32
        ).reshape(-1, 5),
        "IMAGE_SIZE": np.array([page.width, page.height], np.int32),
        "FRAMES": np.array([page.frames], np.int32),
        "TRUNCATED": np.array([page.truncated], bool),
        "UNREADABLE": np.array([page.unreadable], np.int32),
    }


def _character_rows(index, word):
    """Of an upright word."""
    (left, _), (right, _), *_ = word.box
    for character in word.characters:
        (begin, _), (end, _), *_ = character.box
        share = [(x - left) / (right - left) for x in (begin, end)]
        yield index, *share, character.score, len(character.text)


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

# Words of one and of several characters, the second of two code points, and one that reads from right to left.
SPELLED = Page(
    640,
    480,
    (
        Line(
            "ae\u0301 b",
            0.875,
            box(0, 0, 96, 16),
            0.75,
            (
                Word(
                    "ae\u0301",
                    0.5,
                    box(0, 0, 64, 16),
                    (Character("a", 0.25, box(0, 0, 16, 16)), Character("e\u0301", 0.75, box(16, 0, 48, 16))),
                ),
                Word("b", 1.0, box(80, 0, 16, 16), (Character("b", 1.0, box(80, 0, 16, 16)),)),
            ),
        ),
        Line(
            "אב",
            0.875,
            box(0, 32, 64, 16),
            0.75,
            (
                Word(
                    "אב",
                    0.5,
                    box(0, 32, 64, 16),
                    (Character("א", 0.5, box(32, 32, 32, 16)), Character("ב", 0.5, box(0, 32, 32, 16))),
                ),
            ),
        ),
    ),
)
