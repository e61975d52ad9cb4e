"""All steps on images of odd sizes, for a short while; `python -m benchmarks.odd_images` goes on."""

import random

import numpy as np
import pytest

from benchmarks import odd_images

COUNT, SEED = 200, 3


@pytest.mark.full
def test_no_step_fails_on_any_image():
    outcomes = [odd_images.read_odd_image(number, SEED) for number in range(COUNT)]
    assert outcomes.count("read") > 0.7 * COUNT
    assert set(outcomes) == {"read", "refused"}


def test_an_answer_outside_the_image_is_a_fault(monkeypatch):
    monkeypatch.setattr("ocdrnet_ops.answer.lines.clip_quads", lambda quads, size: quads)
    with pytest.raises(AssertionError, match="outside the image"):
        sum(len(odd_images.read_odd_image(number, SEED)) for number in range(COUNT))


def test_sizes_reach_from_one_pixel_to_the_largest():
    sizes = [odd_images.image_size(random.Random(f"{SEED}/{number}")) for number in range(4000)]
    assert min(map(min, sizes)) == 1
    assert max(map(max, sizes)) == 60_000
    assert (12_000, 12_000) in sizes
    assert np.median([width * height for width, height in sizes]) < 100_000
    assert {odd_images.image(random.Random(n), 30, 40).shape for n in range(20)} == {(40, 30, 3)}
