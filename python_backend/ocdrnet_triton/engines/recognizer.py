"""A recognizer over the crops of many requests at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import PADDINGS, RecognizerCard
from ocdrnet_ops.recognition.charset import Charset
from ocdrnet_ops.recognition.decoding import BLANK
from ocdrnet_ops.recognition.long_lines import add_spaces, piece_edges
from ocdrnet_ops.recognition.width_groups import WidthGroup, batch_sizes, group_by_width
from ocdrnet_triton.engines.base import Network

Crops = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[Any]]
LEAST_CHARSET = 64  # ids; below it the network is no faster
LARGEST_BATCH = 8  # of stretched crops, so that one image's crops are shared by several streams


class CharsetRecognizer:
    """A recognizer for requests with and without a charset.

    Those without one have the network as it is. The other, which takes the allowed ids as a second input, is loaded at
    the first request that has one: until then a charset costs neither time nor memory.
    """

    def __init__(
        self, network: Network, open_restricted: Callable[[], Network] | None, card: RecognizerCard, max_columns: int
    ) -> None:
        """Keep what is needed.

        Args:
            network: adapted recognizer.
            open_restricted: loads the one that has the input `charset` too; none where there is no such graph, and a
                charset is a matter of decoding alone.
            card: of both.
            max_columns: as of `recognize`.
        """
        self._network = network
        self._open_restricted = open_restricted
        self._restricted: Network | None = None
        self._card = card
        self._max_columns = max_columns

    def __call__(
        self,
        crops: Sequence[Crops],
        widths: Sequence[npt.NDArray[np.int32]],
        charsets: Sequence[Charset | None],
    ) -> list[Arrays]:
        """Ids and probabilities of every crop, as of `recognize`; requests of one charset are read together.

        Args:
            crops: for each request uint8 [n, h, w, 3].
            widths: for each request int32 [n].
            charsets: of each request; none allows everything.
        """
        asked = charsets if self._open_restricted else [None] * len(charsets)
        answers: list[Arrays] = [{} for _ in asked]
        for charset in dict.fromkeys(asked):
            members = [index for index, own in enumerate(asked) if own is charset]
            own_crops, own_widths = [crops[index] for index in members], [widths[index] for index in members]
            read = recognize(self._network_of(charset), own_crops, own_widths, self._card, self._max_columns)
            for index, answer in zip(members, read, strict=True):
                answers[index] = answer
        return answers

    def _network_of(self, charset: Charset | None) -> Network:
        if charset is None or self._open_restricted is None:
            return self._network
        if self._restricted is None:
            self._restricted = self._open_restricted()
        return _Restricted(self._restricted, charset)


class _Restricted:
    """A network with the input `charset`, for one charset."""

    def __init__(self, network: Network, charset: Charset) -> None:
        self._network = network
        self._inputs = {"charset": padded(charset)}

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> list[Arrays]:
        return self._network.run(inputs, {**self._inputs, **(more or {})})


def padded(charset: Charset) -> npt.NDArray[np.int32]:
    """The allowed ids, filled up with -1 to a power of two or to all classes: an engine keeps something for each size.

    OpenVINO's memory grew by 1 MB with every other size of charset.
    """
    size = min(max(LEAST_CHARSET, 1 << (len(charset.ids) - 1).bit_length()), len(charset.allowed))
    ids = np.full(size, -1, np.int32)
    ids[: len(charset.ids)] = charset.ids
    return ids


def recognize(
    network: Network,
    crops: Sequence[Crops],
    widths: Sequence[npt.NDArray[np.int32]],
    card: RecognizerCard,
    max_columns: int,
) -> list[Arrays]:
    """Ids and probabilities of every crop, request by request.

    Crops of a free width are grouped by it; those that are all stretched to one width only fill batches.

    Args:
        network: adapted recognizer.
        crops: for each request uint8 [n, h, w, 3].
        widths: for each request int32 [n], own width of each crop in pixels.
        card: of the recognizer.
        max_columns: limit of a batch's crops times their padded width in pixels, for a free width; a crop that is
            longer is a batch of its own.

    Returns:
        For each request `output_id` int32 [n, T] and `output_prob` float32 [n, T]. For a free width T = w / stride,
        and time steps right of a crop's own width are blank; for a fixed one T is the network's.
    """
    if card.width:
        return _recognize_fixed(network, crops, card)
    return _recognize_free(network, crops, widths, card, max_columns)


def _recognize_fixed(network: Network, crops: Sequence[Crops], card: RecognizerCard) -> list[Arrays]:
    together = np.concatenate(crops)
    sizes = batch_sizes(len(together), min(LARGEST_BATCH, card.max_batch or LARGEST_BATCH))
    results = network.run(np.split(together, np.cumsum(sizes)[:-1]))
    ends = np.cumsum([len(batch) for batch in crops])[:-1]
    parts = [np.split(np.concatenate([r[name] for r in results]), ends) for name in ("output_id", "output_prob")]
    return [{"output_id": ids, "output_prob": probabilities} for ids, probabilities in zip(*parts, strict=True)]


def _recognize_free(
    network: Network,
    crops: Sequence[Crops],
    widths: Sequence[npt.NDArray[np.int32]],
    card: RecognizerCard,
    max_columns: int,
) -> list[Arrays]:
    whole = [crop for batch in crops for crop in batch]
    edges = [piece_edges(crop, int(width), card) for crop, width in zip(whole, np.concatenate(widths), strict=True)]
    places = [(index, first, last) for index, own in enumerate(edges) for first, last in pairwise(own)]
    flat = [whole[index][:, first:] for index, first, _ in places]
    flat_widths = np.array([last - first for _, first, last in places], np.int32)
    groups = group_by_width(flat_widths, max_columns)
    results = network.run(_batches(groups, flat, flat_widths, PADDINGS[card.padding]))
    steps = [batch.shape[2] // card.stride for batch in crops for _ in batch]
    ids: list[npt.NDArray[np.int32]] = [np.full(count, BLANK, np.int32) for count in steps]
    probabilities = [np.ones(count, np.float32) for count in steps]
    for group, result in zip(groups, results, strict=True):
        for row, member in enumerate(group.members):
            index, start = places[member][0], places[member][1] // card.stride
            own = min(steps[index] - start, -(-int(flat_widths[member]) // card.stride))
            ids[index][start : start + own] = result["output_id"][row, :own]
            probabilities[index][start : start + own] = result["output_prob"][row, :own]
    ids = [add_spaces(own, crop, cuts, card) for own, crop, cuts in zip(ids, whole, edges, strict=True)]
    return [
        {"output_id": np.stack(own_ids), "output_prob": np.stack(own_probabilities)}
        for own_ids, own_probabilities in zip(_split(ids, crops), _split(probabilities, crops), strict=True)
    ]


def _batches(
    groups: Sequence[WidthGroup], crops: Sequence[Crops], widths: npt.NDArray[np.int32], padding: int
) -> Iterator[npt.NDArray[np.uint8]]:
    for group in groups:
        height = crops[group.members[0]].shape[0]
        batch = np.full((len(group.members), height, group.width, 3), max(0, padding), np.uint8)
        for row, member in enumerate(group.members):
            own = widths[member]
            batch[row, :, :own] = crops[member][:, :own]
            if padding < 0:
                batch[row, :, own:] = crops[member][:, own - 1 : own]
        yield batch


def _split(flat: list[npt.NDArray[Any]], crops: Sequence[Crops]) -> Iterator[list[npt.NDArray[Any]]]:
    rest = iter(flat)
    for batch in crops:
        yield [next(rest) for _ in batch]
