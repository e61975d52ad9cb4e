"""Readers in processes of their own."""

import time

import pytest

from benchmarks.readers import ReaderError, ReaderProcess, one_by_one


@pytest.fixture
def started():
    readers = []

    def start(make):
        readers.append(ReaderProcess("trial", make))
        return readers[-1]

    yield start
    for reader in readers:
        reader.stop()


def counting():
    def read(image):
        time.sleep(0.01)
        return len(image)

    return one_by_one(read)


def failing():
    raise ValueError("no such thing")


def test_a_round_of_several_passes_gives_the_figures_of_one(started):
    reader = started(counting)
    once, thrice = reader.read([b"ab", b"c"]), reader.read([b"ab", b"c"], passes=3)
    assert (once.lines, thrice.lines) == (3, 3)
    assert (len(once.latencies), len(thrice.latencies)) == (2, 6)
    assert thrice.seconds * 3 >= sum(thrice.latencies) > thrice.seconds


def test_a_reader_that_cannot_be_made_says_why(started):
    with pytest.raises(ReaderError, match="ValueError: no such thing"):
        started(failing).read([b"ab"])
