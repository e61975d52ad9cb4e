"""Every shape that a common image and a short crop bring is run while the networks are loaded."""

import numpy as np
import pytest

from ocdrnet_ops.image.resize import detector_input
from ocdrnet_ops.recognition.width_groups import group_by_width
from ocdrnet_triton.engines.warm_up import JOBS, LONGEST_CROP, warm_detector, warm_recognizer, warm_ups


class Recorder:
    """A network that notes the shapes it was given."""

    def __init__(self):
        self.shapes = []

    def run(self, inputs, more=None):
        jobs = list(inputs)
        assert len(jobs) == JOBS
        assert {job.dtype for job in jobs} == {np.dtype(np.uint8)}
        self.shapes += {job.shape for job in jobs}
        return []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"streams": "1"}, 1),
        ({"streams": "1", "warm_ups": "2"}, 1),
        ({"streams": "2"}, JOBS),
        ({"streams": "4", "warm_ups": "1"}, 1),
    ],
)
def test_one_stream_is_prepared_after_one_run(settings, expected):
    assert warm_ups(settings) == expected


@pytest.mark.parametrize("size", [(720, 1280), (1280, 720), (1200, 1600), (1600, 1200)])
def test_images_of_common_sizes_meet_a_prepared_detector(size, detector_card):
    network, card = Recorder(), detector_card()
    warm_detector(network, card)
    assert detector_input(np.zeros((*size, 3), np.uint8), card).tiles.shape in network.shapes
    assert len(network.shapes) == len(set(network.shapes)) == 4


def test_a_detector_of_a_fixed_size_is_run_with_that(detector_card):
    network = Recorder()
    warm_detector(network, detector_card(resize="stretch", height=64, width=96))
    assert network.shapes == [(1, 64, 96, 3)]


@pytest.mark.parametrize("columns", [96, 256, 4096])
def test_short_crops_meet_a_prepared_recognizer(recognizer_card, columns):
    network, card = Recorder(), recognizer_card()
    warm_recognizer(network, card, columns)
    for width in range(1, LONGEST_CROP - 40):
        for count in (1, 2, 3, 7):
            for group in group_by_width(np.full(count, width, np.int32), columns):
                assert (len(group.members), card.height, group.width, 3) in network.shapes


def test_a_recognizer_of_a_fixed_width_or_batch_is_run_with_those(recognizer_card):
    network = Recorder()
    warm_recognizer(network, recognizer_card(width=100, max_batch=2), 256)
    assert sorted(network.shapes) == [(1, 48, 100, 3), (2, 48, 100, 3)]
