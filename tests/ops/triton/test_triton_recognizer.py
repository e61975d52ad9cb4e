import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.recognition.charset import Charset, Charsets
from ocdrnet_triton.engines.recognizer import LARGEST_BATCH, LEAST_CHARSET, CharsetRecognizer, padded, recognize

CARD = RecognizerCard("r", "s", "l", "0", height=4, decoder="ctc", characters=("a",), stride=8)
COLUMNS = 4096


class FakeNetwork:
    """Reads at each time step the mean of its 8 columns, as id; nothing is blank, so padding would be seen."""

    def __init__(self):
        self.shapes = []

    def run(self, inputs):
        results = []
        for batch in inputs:
            assert batch.dtype == np.uint8
            self.shapes.append(batch.shape)
            steps = batch[..., 0].astype(int).reshape(len(batch), batch.shape[1], -1, 8)
            ids = steps.max(axis=(1, 3)).astype(np.int32)
            results.append({"output_id": ids, "output_prob": (ids / 1000).astype(np.float32)})
        return results


def request(widths, first_value):
    """Crops of a request: crop i is filled with the value `first_value + i` within its own width, with 250 beyond."""
    full = -(-max(widths) // 32) * 32
    crops = np.full((len(widths), 4, full, 3), 250, np.uint8)
    for i, width in enumerate(widths):
        crops[i, :, :width] = first_value + i
    return crops, np.array(widths, np.int32)


@pytest.mark.parametrize(("padding", "beside"), [("gray", 127), ("black", 0), ("edge", 9)])
def test_a_free_width_is_padded_as_the_network_was_trained(padding, beside):
    crops, widths = request([64], 9)
    network = FakeNetwork()
    seen = []
    network.run = lambda inputs: [seen.append(batch.copy()) or FakeNetwork().run([batch])[0] for batch in inputs]
    recognize(network, [crops], [widths], dataclasses.replace(CARD, padding=padding), COLUMNS)
    (batch,) = seen
    assert (batch[0, :, :64] == 9).all()
    assert batch.shape[2] > 64
    assert (batch[0, :, 64:] == beside).all()


def check(all_widths):
    network, value, requests = FakeNetwork(), 1, []
    for widths in all_widths:
        requests.append(request(widths, value))
        value += len(widths)
    answers = recognize(network, [crops for crops, _ in requests], [widths for _, widths in requests], CARD, COLUMNS)
    assert len(answers) == len(requests)
    value = 1
    for answer, (crops, widths) in zip(answers, requests, strict=True):
        steps = crops.shape[2] // 8
        assert answer["output_id"].shape == answer["output_prob"].shape == (len(widths), steps)
        assert answer["output_id"].dtype == np.int32
        assert answer["output_prob"].dtype == np.float32
        for row, width in enumerate(widths):
            ids = answer["output_id"][row]
            own, whole = -(-width // 8), width // 8
            assert (ids[:whole] == value).all()
            assert (ids[own:] == 0).all()
            np.testing.assert_allclose(answer["output_prob"][row, :whole], value / 1000, rtol=1e-6)
            if whole < own:
                assert ids[whole] in (value, 127)  # its last step is shared with the padding, which is gray
            value += 1
    return network


def test_results_go_to_their_own_crops():
    check([[64, 640, 33], [32], [320, 32, 32, 64, 1000], [640]])


def test_crops_of_several_requests_share_a_batch():
    network = check([[64, 64], [64], [64]])
    assert [shape[0] for shape in network.shapes] == [4]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(32, 900), min_size=1, max_size=8), min_size=1, max_size=5))
def test_any_requests_are_answered_in_order(all_widths):
    check(all_widths)


@pytest.mark.parametrize("width", [32, 33, 39, 40, 320])
def test_what_the_network_sees_of_a_crop_is_the_same_in_any_company(width):
    crops, widths = request([width], 9)
    alone = recognize(FakeNetwork(), [crops], [widths], CARD, COLUMNS)[0]
    padded = np.full((1, 4, 960, 3), 250, np.uint8)
    padded[:, :, :width] = 9
    other, other_widths = request([700, 50], 30)
    together = recognize(FakeNetwork(), [other, padded], [other_widths, widths], CARD, COLUMNS)[1]
    own = -(-width // 8)
    np.testing.assert_array_equal(alone["output_id"][0, :own], together["output_id"][0, :own])
    assert not together["output_id"][0, own:].any()


class FixedNetwork:
    """Answers 26 steps; each id is the crop's first pixel."""

    def __init__(self):
        self.batches = []

    def run(self, inputs):
        results = []
        for batch in inputs:
            self.batches.append(len(batch))
            ids = np.repeat(batch[:, 0, 0, :1], 26, axis=1).astype(np.int32)
            results.append({"output_id": ids, "output_prob": (ids / 1000).astype(np.float32)})
        return results


def recognize_fixed(counts, **fields):
    card = dataclasses.replace(CARD, width=100, **fields)
    crops, value = [], 1
    for count in counts:
        crops.append(np.broadcast_to(np.arange(value, value + count)[:, None, None, None], (count, 4, 100, 3)))
        value += count
    network = FixedNetwork()
    widths = [np.full(count, 100, np.int32) for count in counts]
    return network, recognize(network, [c.astype(np.uint8) for c in crops], widths, card, COLUMNS)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.integers(0, 10))
def test_stretched_crops_come_back_in_order(counts, max_batch):
    network, answers = recognize_fixed(counts, max_batch=max_batch)
    value = 1
    for count, answer in zip(counts, answers, strict=True):
        assert answer["output_id"].shape == answer["output_prob"].shape == (count, 26)
        np.testing.assert_array_equal(answer["output_id"][:, 0], np.arange(value, value + count))
        np.testing.assert_allclose(answer["output_prob"][:, 25], np.arange(value, value + count) / 1000, rtol=1e-6)
        value += count
    assert max(network.batches) <= (max_batch or LARGEST_BATCH)


def test_stretched_crops_of_several_requests_share_batches():
    assert recognize_fixed([3, 4, 3])[0].batches == [8, 2]


def test_network_of_one_crop_a_run():
    assert recognize_fixed([2, 1], max_batch=1)[0].batches == [1, 1, 1]


CHARSETS = Charsets(dataclasses.replace(CARD, characters=tuple("0123456789ab")))


class RestrictedNetwork(FakeNetwork):
    """Answers at each time step the highest allowed id, whatever it sees, and notes what it was run with."""

    def __init__(self):
        super().__init__()
        self.charsets = []

    def run(self, inputs, more=None):
        self.charsets.append(more["charset"])
        return [
            {
                "output_id": np.full((len(batch), batch.shape[2] // 8), self.charsets[-1].max(), np.int32),
                "output_prob": np.full((len(batch), batch.shape[2] // 8), 0.5, np.float32),
            }
            for batch in inputs
        ]


def charset_recognizer(restricted):
    opened = []

    def open_restricted():
        opened.append(restricted)
        return restricted

    network = FakeNetwork()
    return network, opened, CharsetRecognizer(network, open_restricted, CARD, COLUMNS)


def read_with(recognizer, *texts):
    """One crop of 64 pixels for each request; crop i is filled with i + 1. Answers the first id of each."""
    requests = [request([64], index + 1) for index in range(len(texts))]
    answers = recognizer(
        [crops for crops, _ in requests], [widths for _, widths in requests], [CHARSETS.find(text) for text in texts]
    )
    assert all(answer["output_id"].shape == (1, 8) for answer in answers)
    return [int(answer["output_id"][0, 0]) for answer in answers]


def test_requests_without_a_charset_never_load_the_second_network():
    network, opened, recognizer = charset_recognizer(RestrictedNetwork())
    assert read_with(recognizer, "all", "all") == [1, 2]
    assert [shape[0] for shape in network.shapes] == [2]
    assert opened == []


def test_requests_are_read_by_charset_and_answered_in_order():
    restricted = RestrictedNetwork()
    network, opened, recognizer = charset_recognizer(restricted)
    assert read_with(recognizer, "a", "all", "digits", "a", "all", "b") == [11, 2, 10, 11, 5, 12]
    assert [shape[0] for shape in network.shapes] == [2]  # those without one share a batch
    assert [ids[ids >= 0].tolist() for ids in restricted.charsets] == [[0, 11], list(range(11)), [0, 12]]
    read_with(recognizer, "digits")
    assert opened == [restricted]  # loaded once


def test_without_a_second_network_everything_is_read_by_the_first():
    network = FakeNetwork()
    assert read_with(CharsetRecognizer(network, None, CARD, COLUMNS), "digits", "all", "a", "all") == [1, 2, 3, 4]
    assert [shape[0] for shape in network.shapes] == [4]


@pytest.mark.parametrize(
    ("count", "size"), [(2, 64), (63, 64), (64, 64), (65, 128), (128, 128), (129, 256), (513, 800), (799, 800)]
)
def test_charsets_have_few_sizes(count, size):
    """Allowed ids first, as they are; padding behind them; never more than there are classes."""
    allowed = np.arange(800) < count
    ids = padded(Charset(allowed, np.flatnonzero(allowed).astype(np.int32)))
    assert ids.dtype == np.int32
    assert ids.tolist() == [*range(count), *[-1] * (size - count)]


def test_a_recognizer_of_few_classes_is_not_padded_beyond_them():
    allowed = np.arange(37) < 11
    assert len(padded(Charset(allowed, np.arange(11, dtype=np.int32)))) == 37 < LEAST_CHARSET


def test_a_crop_longer_than_the_recognizer_takes_is_read_in_pieces_whose_steps_are_the_crops():
    """Each time step of a crop of 1,000 pixels has a value of its own, and a short crop is read beside it."""
    card = dataclasses.replace(CARD, max_width=320)
    long, short = np.zeros((2, 4, 1024, 3), np.uint8)
    long[:, :1000] = np.repeat(np.arange(1, 126, dtype=np.uint8), 8)[None, :, None]
    short[:, :64] = 9
    network = FakeNetwork()
    widths = np.array([1000, 64], np.int32)
    (answer,) = recognize(network, [np.stack([long, short])], [widths], card, COLUMNS)
    assert max(shape[2] for shape in network.shapes) <= 352  # with its padding
    assert answer["output_id"][0].tolist() == [*range(1, 126), 0, 0, 0]
    np.testing.assert_allclose(answer["output_prob"][0, :125], np.arange(1, 126) / 1000, rtol=1e-6)
    assert answer["output_id"][1, :8].tolist() == [9] * 8
    assert not answer["output_id"][1, 8:].any()
