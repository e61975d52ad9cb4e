"""The ensemble as one of the benchmarks' readers."""

import pytest
from sample_truth import sample, truth_lines

from benchmarks.image_sets import ImageSet
from benchmarks.peers import served as served_reader
from benchmarks.pipeline import accuracy_of
from benchmarks.readers import ReaderProcess
from ocdrnet_evaluation.datasets import Region


def taken(images, with_readings, *arguments):
    """A round of a reader in its own process, of which the server is no child."""
    process = ReaderProcess("ocdrnet", served_reader, *arguments)
    try:
        return process.read(images, with_readings=with_readings)
    finally:
        process.stop()


@pytest.mark.full
@pytest.mark.parametrize("in_flight", [1, 2])
def test_the_ensemble_is_read_with_lines_and_words_and_triton_s_cpu_time_counts(served, in_flight):
    image = sample("receipt.jpg")
    found = taken([image, image], True, served.addresses.grpc_url, in_flight, served.server.pid)
    assert len(found.latencies) == len(found.readings) == 2
    assert found.lines == 2 * len(found.readings[0].lines) > 20
    assert len(found.readings[0].words) > len(found.readings[0].lines)
    alone = taken([image, image], False, served.addresses.grpc_url, in_flight)
    assert alone.readings == ()
    assert found.cpu_seconds > 2 * alone.cpu_seconds  # the client's share is small
    truth = tuple(Region(line["text"], tuple(map(tuple, line["box"]))) for line in truth_lines("receipt.jpg"))
    accuracy = accuracy_of(ImageSet("own", "sample", (image, image), (truth, truth)), found.readings)
    assert min(accuracy.values()) > 0.8
