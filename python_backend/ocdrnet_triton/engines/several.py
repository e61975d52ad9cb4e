"""Several recognizers in the one step: each line is read by the first, and by the others where that leaves a doubt."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.recognition.charset import KEPT_CHARSETS, Charset
from ocdrnet_ops.recognition.decoding import BLANK
from ocdrnet_ops.recognition.line_flip import ReadingScores, score_readings
from ocdrnet_ops.recognition.several import (
    Readings,
    belongs_to_others,
    doubtful_lines,
    keep_better,
    leaves_nothing,
    part_cards,
    part_charset,
    shared_ids,
)
from ocdrnet_triton.engines.recognizer import Arrays, CharsetRecognizer, Crops

# Parameters that config.pbtxt has for each network by itself: `runtime_2` is the second's.
OWN = ("runtime", "providers", "precision", "warm_ups", "graphs")
Lines = npt.NDArray[np.int64]
Widths = npt.NDArray[np.int32]


def part_settings(settings: Mapping[str, str], number: int) -> dict[str, str]:
    """The parameters of one network among several.

    Args:
        settings: of config.pbtxt.
        number: of the network, from 1; those of the first have no number.
    """
    if number == 1:
        return dict(settings)
    shared = {name: value for name, value in settings.items() if name not in OWN}
    return shared | {name: settings[f"{name}_{number}"] for name in OWN if f"{name}_{number}" in settings}


@dataclass(frozen=True)
class Reading:
    """What one network read of some lines of an image.

    Attributes:
        ids: int32 [M, t], of the shared card.
        probabilities: float32 [M, t].
        rated: how good it is.
    """

    ids: npt.NDArray[np.int32]
    probabilities: npt.NDArray[np.float32]
    rated: ReadingScores


class SeveralRecognizers:
    """As a `CharsetRecognizer`, with ids of the shared card.

    The doubtful lines of all requests are read together by each further network.
    """

    def __init__(self, readers: Sequence[CharsetRecognizer], card: RecognizerCard) -> None:
        """Keep what is needed.

        Args:
            readers: the networks, in the order of the card's shares.
            card: the shared one.
        """
        self._readers = readers
        self._card = card
        self._cards = part_cards(card)
        self._charset = functools.lru_cache(KEPT_CHARSETS * len(readers))(self._charset_of)

    def __call__(
        self, crops: Sequence[Crops], widths: Sequence[Widths], charsets: Sequence[Charset | None]
    ) -> list[Arrays]:
        """Ids and probabilities of every crop, request by request.

        Args:
            crops: for each request uint8 [n, h, w, 3].
            widths: for each request int32 [n].
            charsets: of each request, for the shared card; none allows everything.
        """
        everything = [np.arange(len(own)) for own in widths]
        best = [
            Readings(reading.ids, reading.probabilities, reading.rated, np.ones(len(reading.ids), np.bool_))
            for reading in self._read(0, crops, widths, charsets, everything)
        ]
        asked = [doubtful_lines(reading.rated, own) for reading, own in zip(best, widths, strict=True)]
        best = self._by_others(best, crops, widths, charsets, asked)
        rest = [
            np.setdiff1d(lines[own > 0], done) if belongs_to_others(reading) else lines[:0]
            for reading, lines, done, own in zip(best, everything, asked, widths, strict=True)
        ]
        best = self._by_others(best, crops, widths, charsets, rest)
        return [{"output_id": reading.ids, "output_prob": reading.probabilities} for reading in best]

    def _by_others(
        self,
        best: list[Readings],
        crops: Sequence[Crops],
        widths: Sequence[Widths],
        charsets: Sequence[Charset | None],
        lines: Sequence[Lines],
    ) -> list[Readings]:
        """The better readings after every further network has read some lines of each request."""
        if not any(map(len, lines)):
            return best
        for part in range(1, len(self._readers)):
            read = self._read(part, crops, widths, charsets, lines)
            best = [
                keep_better(before, rows, reading.ids, reading.probabilities, reading.rated) if len(rows) else before
                for before, rows, reading in zip(best, lines, read, strict=True)
            ]
        return best

    def _read(
        self,
        part: int,
        crops: Sequence[Crops],
        widths: Sequence[Widths],
        charsets: Sequence[Charset | None],
        lines: Sequence[Lines],
    ) -> list[Reading]:
        """One network's readings of some lines of each request, with how good they are."""
        card, stride = self._cards[part], self._card.stride
        own = [self._charset(charset, part) if charset else None for charset in charsets]
        chosen = [
            batch if len(rows) == len(batch) else batch[rows, :, : _widest(width[rows], stride)]
            for batch, width, rows in zip(crops, widths, lines, strict=True)
        ]
        asked = [index for index, rows in enumerate(lines) if len(rows) and not leaves_nothing(own[index], card)]
        read = (
            self._readers[part](
                [chosen[index] for index in asked],
                [widths[index][lines[index]] for index in asked],
                [own[index] for index in asked],
            )
            if asked
            else []
        )
        answers = dict(zip(asked, read, strict=True))
        readings = []
        for index, rows in enumerate(lines):
            blank = (len(rows), chosen[index].shape[2] // stride)
            answer = answers.get(index) or {
                "output_id": np.full(blank, BLANK, np.int32),
                "output_prob": np.ones(blank, np.float32),
            }
            rated = score_readings(
                answer["output_id"], answer["output_prob"], widths[index][rows], card, charsets[index] is None
            )
            readings.append(Reading(shared_ids(answer["output_id"], self._card, part), answer["output_prob"], rated))
        return readings

    def _charset_of(self, charset: Charset, part: int) -> Charset | None:
        return part_charset(charset, self._card, part)


def _widest(widths: Widths, stride: int) -> int:
    """Width of a batch of crops, in whole time steps."""
    return -(-int(widths.max(initial=stride)) // stride) * stride
