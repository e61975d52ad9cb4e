"""Words of lines at any angle: where they stand, and that they are their line."""

import numpy as np
import pytest
from sample_truth import overlap

from samples.drawing.canvas import Canvas, Style
from samples.drawing.fonts import Face
from samples.drawing.geometry import homography, project, rectangle, rotated

ANGLES = range(0, 360, 30)
SIDE = 900
LINES = (
    ("Package for Mrs Hughes 221", Face.SANS_BOLD, 46, -180),
    ("Deliver before Monday noon", Face.SERIF, 50, -60),
    ("Keep away from water", Face.TABLE, 42, 60),
    ("Weight 12.5 kg gross", Face.MONO_BOLD, 44, 180),
)


def label(degrees):
    """A sheet of four lines, turned clockwise about the image's middle, with the places of their words.

    A word's place is as wide as its own ink and as high as its line's, with ascenders and descenders.
    """
    sheet = Canvas(SIDE, SIDE, (246, 240, 226))
    for text, face, size, y in LINES:
        sheet.write(text, (SIDE / 2, SIDE / 2 + y), Style(face, size, (40, 36, 48)), "m")
    canvas = Canvas(SIDE, SIDE, (246, 240, 226))
    quad = rotated((SIDE / 2, SIDE / 2), SIDE, SIDE, degrees)
    canvas.place(sheet, quad)
    forward = homography(rectangle(0, 0, SIDE, SIDE), quad)
    places = {}
    for line in sheet.lines:
        (_, top), _, (_, bottom), _ = line.box
        for word in line.words:
            (left, _), (right, _), *_ = word.box
            places[word.text] = project(rectangle(left, top, right, bottom), forward)
    return np.asarray(canvas.finished()), places


@pytest.mark.full
def test_words_stand_where_they_were_drawn(client):
    """Upside down as well: reading lines turned is the server's default."""
    means = {}
    for degrees in ANGLES:
        image, places = label(degrees)
        page = client.read(image)
        read = {word.text: word.box for line in page.lines for word in line.words}
        means[degrees] = np.mean([overlap(place, read[text]) if text in read else 0 for text, place in places.items()])
        for line in page.lines:
            assert " ".join(word.text for word in line.words) == line.text
    print("mean IoU of words by angle:", {degrees: round(float(mean), 3) for degrees, mean in means.items()})
    assert np.mean(list(means.values())) >= 0.75
    assert min(means.values()) >= 0.7
