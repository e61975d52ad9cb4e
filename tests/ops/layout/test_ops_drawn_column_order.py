"""RecognizerOutput order and paragraphs on drawn pages, from their true boxes."""

import numpy as np
import pytest

from ocdrnet_ops.layout.paragraphs import paragraphs
from ocdrnet_ops.layout.reading_order import reading_order
from samples.drawing.columns import PAGES, draw


@pytest.fixture(
    scope="module", params=PAGES, ids=lambda sections: "-".join(str(section.columns) for section in sections)
)
def page(request):
    return draw(*request.param)


@pytest.mark.full
def test_lines_are_put_in_order(page):
    boxes = np.array([line.box for line in page.lines], np.float32)
    shuffle = np.random.default_rng(4).permutation(len(boxes))
    assert shuffle[reading_order(boxes[shuffle])].tolist() == list(range(len(boxes)))


def test_indented_lines_begin_paragraphs(page):
    boxes = np.array([line.box for line in page.lines], np.float32)
    begins = np.flatnonzero(np.diff(paragraphs(boxes), prepend=-1))
    assert indented_lines(page) <= set(begins.tolist())


def indented_lines(page):
    """Indices of the lines that begin farther right than those before and after them in the same column."""
    lefts = np.array([line.box[0][0] for line in page.lines])
    steps = np.diff(lefts)
    return {i + 1 for i in range(len(steps) - 1) if 20 < steps[i] < 45 and 20 < -steps[i + 1] < 45}
