"""The ensemble as one of the benchmarks' readers."""

import pytest
from sample_truth import sample, truth_lines

from benchmarks.image_sets import ImageSet
from benchmarks.peers import served as served_reader
from benchmarks.pipeline import accuracy_of
from ocdrnet_evaluation.datasets import Region


@pytest.mark.parametrize("in_flight", [1, 2])
def test_the_ensemble_is_read_with_lines_and_words_and_triton_s_cpu_time_counts(served, in_flight):
    reader = served_reader(served.addresses.grpc_url, in_flight, served.server.pid)
    image = sample("receipt.jpg")
    found = reader([image, image], True)
    assert len(found.latencies) == len(found.readings) == 2
    assert found.lines == 2 * len(found.readings[0].lines) > 20
    assert len(found.readings[0].words) > len(found.readings[0].lines)
    alone = served_reader(served.addresses.grpc_url, in_flight)([image, image], False)
    assert alone.readings == ()
    assert found.cpu_seconds > 2 * alone.cpu_seconds  # the client's share is small
    truth = tuple(Region(line["text"], tuple(map(tuple, line["box"]))) for line in truth_lines("receipt.jpg"))
    accuracy = accuracy_of(ImageSet("own", "sample", (image, image), (truth, truth)), found.readings)
    assert min(accuracy.values()) > 0.8
