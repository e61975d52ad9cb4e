"""Several recognizers in one step, with networks that read the gray of a crop as a character, surely or not."""

import numpy as np
import pytest

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.recognition.charset import Charsets
from ocdrnet_ops.recognition.several import join_cards
from ocdrnet_triton.engines.recognizer import CharsetRecognizer
from ocdrnet_triton.engines.several import SeveralRecognizers, part_settings

COLUMNS = 4096
LATIN = RecognizerCard("latin", "s", "l", "0", height=16, decoder="ctc", characters=(*"abcdefghij", " "))
CYRILLIC = RecognizerCard("cyrillic", "s", "l", "0", height=16, decoder="ctc", characters=(*"абвгдежзик", "a", " "))
GREEK = RecognizerCard("greek", "s", "l", "0", height=16, decoder="ctc", characters=(*"αβγδεζηθικ", " "))
CARD = join_cards([LATIN, CYRILLIC, GREEK])


class Network:
    """Reads a crop of the gray 10 n + d as d characters: its n-th and those behind it, one every other step.

    Args:
        sure: score by n; 0.5 for others.
    """

    def __init__(self, sure):
        self.sure = sure
        self.crops = []

    def run(self, inputs, more=None):
        assert more is None
        results = []
        for batch in inputs:
            grays = batch[:, 0, 0, 0].astype(int)
            self.crops += grays.tolist()
            ids = np.zeros((len(batch), batch.shape[2] // 8), np.int32)
            for row, gray in enumerate(grays.tolist()):
                first, count = divmod(gray, 10)
                ids[row, : 2 * count : 2] = 1 + (first + np.arange(count)) % 10
            scores = np.array([self.sure.get(gray // 10, 0.5) for gray in grays.tolist()], np.float32)
            results.append({"output_id": ids, "output_prob": np.repeat(scores[:, None], ids.shape[1], axis=1)})
        return results


@pytest.fixture
def networks():
    """Latin is sure of the grays 10 to 39, Cyrillic of 30 to 59, Greek of 60 to 79; nobody of 80."""
    sure = ({1: 0.99, 2: 0.9, 3: 0.86}, {3: 0.99, 4: 0.95, 5: 0.95}, {5: 0.9, 6: 0.95, 7: 0.95})
    return [Network(own) for own in sure]


@pytest.fixture
def recognizer(networks):
    cards = (LATIN, CYRILLIC, GREEK)
    readers = [CharsetRecognizer(network, None, card, COLUMNS) for network, card in zip(networks, cards, strict=True)]
    return SeveralRecognizers(readers, CARD)


def request(grays, widths=None):
    own = np.array(widths or [64] * len(grays), np.int32)
    crops = np.zeros((len(grays), 16, -(-int(max(64, own.max())) // 32) * 32, 3), np.uint8)
    crops[:] = np.array(grays, np.uint8)[:, None, None, None]
    return crops, own


def read(recognizer, *requests, charsets=None):
    answers = recognizer(*zip(*requests, strict=True), charsets or [None] * len(requests))
    texts = []
    for (crops, _), answer in zip(requests, answers, strict=True):
        assert answer["output_id"].shape == answer["output_prob"].shape == (len(crops), crops.shape[2] // 8)
        assert (answer["output_id"].dtype, answer["output_prob"].dtype) == (np.int32, np.float32)
        texts.append(["".join(CARD.characters[i - 1] for i in row if i) for row in answer["output_id"]])
    return texts


def test_what_the_first_is_sure_of_is_read_by_nobody_else(networks, recognizer):
    assert read(recognizer, request([13, 24])) == [["bcd", "cdef"]]
    assert [network.crops for network in networks[1:]] == [[], []]


def test_what_it_doubts_is_read_by_the_others_and_the_best_reading_is_kept(networks, recognizer):
    assert read(recognizer, request([14, 14, 14, 44, 64, 54])) == [["bcde"] * 3 + ["дежз", "ηθικ", "ежзи"]]
    assert sorted(networks[1].crops) == sorted(networks[2].crops) == [44, 54, 64]
    answer = recognizer([request([14, 14, 44])[0]], [request([14, 14, 44])[1]], [None])[0]
    assert answer["output_prob"][2, 0] == np.float32(0.95)
    assert answer["output_id"][2, 0] == len(LATIN.characters) + 5


def test_where_nobody_is_sure_the_first_is_believed(networks, recognizer):
    assert read(recognizer, request([14, 84])) == [["bcde", "ijab"]]
    assert networks[1].crops == networks[2].crops == [84]


def test_an_image_of_another_script_is_read_by_the_others_as_a_whole(networks, recognizer):
    """The look-alike 34 scores 0.86 as Latin and 0.99 as Cyrillic; the clear Latin line stays what it is."""
    assert read(recognizer, request([34, 44, 54, 44, 14]), request([34, 14, 44])) == [
        ["гдеж", "дежз", "ежзи", "дежз", "bcde"],
        ["defg", "bcde", "дежз"],
    ]
    assert sorted(networks[1].crops) == [14, 34, 44, 44, 44, 54]


def test_requests_are_told_apart(networks, recognizer):
    found = read(recognizer, request([44], [96]), request([14, 24]), request([64, 14], [160, 32]))
    assert found == [["дежз"], ["bcde", "cdef"], ["ηθικ", "bc"]]


def test_a_crop_of_no_width_is_read_by_nobody(networks, recognizer):
    assert read(recognizer, request([44], [0])) == [[""]]
    assert [network.crops for network in networks] == [[], [], []]


def test_a_charset_is_for_those_that_know_it(networks, recognizer):
    charsets = Charsets(CARD)
    chosen = [charsets.find(text) for text in ("cyrillic", "latin", "greek")]
    read(recognizer, request([14]), request([44]), request([64]), charsets=chosen)
    assert [network.crops for network in networks] == [[44], [14, 44], [64]], "only Cyrillic's list has a Latin letter"


def test_each_network_has_its_own_runtime_and_shares_the_rest():
    settings = {
        "threads": "2",
        "runtime": "onnxruntime",
        "graphs": "4",
        "precision_2": "f32",
        "runtime_3": "onnxruntime",
    }
    assert part_settings(settings, 1) == settings
    assert part_settings(settings, 2)["precision"] == "f32"
    assert not {"runtime", "graphs"} & set(part_settings(settings, 2))
    assert part_settings(settings, 2)["threads"] == "2"
    assert part_settings(settings, 3)["runtime"] == "onnxruntime"
