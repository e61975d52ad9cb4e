"""Boxes of characters stand where the characters were drawn: along upright, slanted and upside-down lines."""

import numpy as np
import pytest

from samples.drawing.canvas import Canvas, Style
from samples.drawing.fonts import Face, load
from samples.drawing.geometry import homography, rectangle, rotated

SIDE, INK, PAPER = 1000, (40, 36, 48), (246, 240, 226)
# Letters of all widths, in faces of one width a letter and of many, small and large.
LINES = (
    ("William filled twelve jugs with milk", Face.SERIF, 40),
    ("Minimum weight of a quilt in winter", Face.SANS_BOLD, 44),
    ("Invoice 2024-1187 due 31.12.2025", Face.MONO, 34),
    ("Maximum illumination, swimming hall", Face.TABLE, 36),
    ("WAREHOUSE MILLING COMPANY LTD", Face.SANS, 38),
    ("total amount 1,118.40 paid by card", Face.SERIF, 28),
    ("The quick brown fox jumps over it", Face.MONO_BOLD, 32),
    ("fifty-five little jewels fell off", Face.TABLE, 26),
)


def drawn(degrees):
    """A sheet of lines turned clockwise about its middle, and each word's letters: where they begin and end.

    Returns:
        RGB pixels; for each word its text and float [letters, 2, 2, 2]: the ends of its letters' ink, and of their
        places in the line, from advance to advance.
    """
    sheet = Canvas(SIDE, SIDE, PAPER)
    for index, (text, face, size) in enumerate(LINES):
        sheet.write(text, (SIDE / 2, 180 + 95 * index), Style(face, size, INK), "m")
    canvas = Canvas(SIDE, SIDE, PAPER)
    quad = rotated((SIDE / 2, SIDE / 2), SIDE, SIDE, degrees)
    canvas.place(sheet, quad)
    forward = homography(rectangle(0, 0, SIDE, SIDE), quad)
    words = []
    for line, (_, face, size) in zip(sheet.lines, LINES, strict=True):
        font = load(face, round(size * sheet.scale))
        for word in line.words:
            (left, top), _, (_, bottom), _ = word.box
            pen = left * sheet.scale - font.getbbox(word.text, anchor="ls")[0]
            ends = []
            for place, letter in enumerate(word.text, 1):
                end = pen + font.getlength(word.text[:place])
                begin = end - font.getlength(letter)
                mask, (shift, _) = font.getmask2(letter, mode="L", anchor="ls")
                first, _, last, _ = mask.getbbox()
                ends.append([(begin + shift + first, begin + shift + last), (begin, end)])
            xs = np.array(ends) / sheet.scale
            points = np.stack([xs, np.full_like(xs, (top + bottom) / 2), np.ones_like(xs)], axis=-1) @ forward.T
            words.append((word.text, points[..., :2] / points[..., 2:]))
    return np.asarray(canvas.finished()), words


def compared(page, words):
    """Of the letters of all words that were read: IoU along the line with ink and place, and how far middles are apart.

    Returns:
        float [letters, 3], the last in mean widths of the word's letters; and the share of words that were read.
    """
    read = {word.text: word for line in page.lines for word in line.words}
    found = []
    for text, ends in words:
        if text not in read:
            continue
        assert "".join(character.text for character in read[text].characters) == text
        along = ends[0, 1, 1] - ends[0, 1, 0]
        along /= np.linalg.norm(along)
        boxes = np.array([character.box for character in read[text].characters])
        own = np.stack([boxes[:, [0, 3]].mean(axis=1), boxes[:, [1, 2]].mean(axis=1)], axis=1) @ along
        ink, place = (ends @ along).transpose(1, 0, 2)
        width = (place[:, 1] - place[:, 0]).mean()
        middles = np.abs(own.mean(axis=1) - ink.mean(axis=1)) / width
        found.append(np.stack([shared(own, ink), shared(own, place), middles], axis=1))
    return np.concatenate(found), len(found) / len(words)


def shared(one, other):
    """Intersection over union of intervals, float [n, 2] each: float [n]."""
    both = np.minimum(one[:, 1], other[:, 1]) - np.maximum(one[:, 0], other[:, 0])
    return np.clip(both, 0, None) / (np.maximum(one[:, 1], other[:, 1]) - np.minimum(one[:, 0], other[:, 0]))


@pytest.mark.full
@pytest.mark.parametrize("degrees", [0, 20, 180])
def test_characters_stand_where_they_were_drawn(client, degrees):
    image, words = drawn(degrees)
    figures, share = compared(client.read(image, characters="on"), words)
    ink, place, middles = figures.mean(axis=0)
    print(f"{len(figures)} letters of {share:.0%} of the words at {degrees} degrees: mean IoU {ink:.3f} with the ink,")
    print(f"{place:.3f} with the place from advance to advance; middles {middles:.3f} letters off")
    assert share >= 0.9
    assert place >= 0.77
    assert ink >= 0.68
    assert middles <= 0.11
