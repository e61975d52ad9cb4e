"""Curved text is read along its outline, whether the answer shows that or its box."""

from collections import Counter

import numpy as np
import pytest

from samples.drawing.curved import draw

READ_SHARE = 0.9


@pytest.fixture(scope="module")
def signs():
    return draw()


def count_read(client, sign, geometry):
    """Words of a sign that are read exactly, wherever."""
    page = client.read(np.asarray(sign.image), geometry=geometry)
    read = Counter(word.text for line in page.lines for word in line.words)
    return (Counter(true_words(sign)) & read).total()


def true_words(sign):
    return [word.text for line in sign.lines for word in line.words]


@pytest.mark.full
def test_curved_text_is_read_whatever_its_answer_s_shape(client, signs):
    counts = {sign.name: [count_read(client, sign, geometry) for geometry in ("quad", "polygon")] for sign in signs}
    print("words read as quad, as polygon, and drawn:")
    for sign in signs:
        print(f"  {sign.name}: {counts[sign.name]} of {len(true_words(sign))}")
    quad, polygon = np.sum(list(counts.values()), axis=0).tolist()
    drawn = sum(len(true_words(sign)) for sign in signs)
    print(f"  all: {quad}, {polygon} of {drawn}")
    assert quad == polygon >= READ_SHARE * drawn
