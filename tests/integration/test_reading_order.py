"""Drawn pages of several columns, read by the real server: the lines come back in reading order."""

import io

import pytest
from text_distance import edits

from samples.drawing.columns import PAGES, draw


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "sections",
    [pytest.param(each, marks=[pytest.mark.full] * (each is not PAGES[-1])) for each in PAGES],
    ids=lambda sections: "-".join(str(section.columns) for section in sections),
)
@pytest.mark.parametrize("degrees", [0, pytest.param(2, marks=pytest.mark.full)])
def test_columns_are_read_one_after_the_other(served, sections, degrees):
    drawn = draw(*sections)
    image = drawn.image.convert("RGB").rotate(degrees, expand=True, fillcolor=(255, 255, 255))
    wanted = [" ".join(word.text for word in line.words) for line in drawn.lines]
    with served.client() as client:
        page = client.read(png(image))
    # A misread character, a comma for a full stop, is the recognizer's affair: the order is exact.
    assert len(page.lines) == len(wanted)
    misplaced = [(line.text, text) for line, text in zip(page.lines, wanted, strict=True) if edits(line.text, text) > 2]
    assert misplaced == []
