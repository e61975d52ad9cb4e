import dataclasses

import pytest

from ocdrnet_ops.cards import DetectorCard, RecognizerCard


@pytest.fixture(scope="session")
def detector_card():
    """A detector's card with some fields chosen."""
    free = DetectorCard("d", "somewhere", "MIT", "00", resize="multiple-of-32")
    return lambda **fields: dataclasses.replace(free, **fields)


@pytest.fixture(scope="session")
def recognizer_card():
    """A recognizer's card with some fields chosen."""
    free = RecognizerCard("r", "somewhere", "MIT", "00", height=48, decoder="ctc", characters=("a", "b", "c", " "))
    return lambda **fields: dataclasses.replace(free, **fields)
