"""Several recognizers for one line: which lines another one reads too, and whose reading is kept.

The networks share one card. Its characters are those of the first, then those of the second, and so on; an id of the
second is its own plus the number of the first's characters. So whatever comes behind the recognizer's step decodes,
restricts and scores a reading without knowing whose it is.

The first network reads every line. A line whose reading is doubtful, by the rule of `line_flip`, is read by the others,
and the best reading is kept. A network that does not know a script is mostly unsure of it, but not of short words whose
letters look like its own. So the lines of an image decide together: where the others read most of its characters, they
read the rest too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import CardError, RecognizerCard
from ocdrnet_ops.recognition.charset import Charset
from ocdrnet_ops.recognition.decoding import BLANK
from ocdrnet_ops.recognition.line_flip import DOUBTFUL, SHARE, ReadingScores

Ids = npt.NDArray[np.int32]
Probabilities = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Of the characters of the reading that it replaces, what another must have: noise is read as a sure character or two.
LEAST_LENGTH = 0.5
# What the crops depend on: they are made once, for all.
_SHARED = ("height", "width", "max_width", "stride", "interpolation", "keep_aspect", "decoder", "padding")


def join_cards(cards: Sequence[RecognizerCard]) -> RecognizerCard:
    """The card of several recognizers; of one its own. Margins and the least score are the first's.

    Raises:
        CardError: they do not take the same crops, or one has a decoder or a width that cannot be shared.
    """
    first = cards[0]
    if len(cards) == 1:
        return first
    for other in cards[1:]:
        for name in _SHARED:
            if getattr(other, name) != getattr(first, name):
                raise CardError(
                    f"{first.name} and {other.name} cannot read the same crops: their {name} is "
                    f"{getattr(first, name)!r} and {getattr(other, name)!r}"
                )
    batches = [card.max_batch for card in cards if card.max_batch]
    return replace(
        first,
        name=" + ".join(card.name for card in cards),
        source=" + ".join(card.source for card in cards),
        sha256=" + ".join(card.sha256 for card in cards),
        license=" + ".join(dict.fromkeys(card.license for card in cards)),
        characters=tuple(character for card in cards for character in card.characters),
        shares=tuple(len(card.characters) for card in cards),
        max_batch=min(batches, default=0),
    )


def part_cards(card: RecognizerCard) -> tuple[RecognizerCard, ...]:
    """The cards of the single networks, in order; of one network its own."""
    ends = list(accumulate(card.shares))
    return tuple(
        replace(card, characters=card.characters[end - count : end], shares=())
        for count, end in zip(card.shares, ends, strict=True)
    ) or (card,)


def part_charset(charset: Charset, card: RecognizerCard, part: int) -> Charset | None:
    """What a charset leaves of one network's characters; None where that is all of them.

    Args:
        charset: of the shared card.
        card: that card.
        part: index of the network.
    """
    first = sum(card.shares[:part])
    own = charset.allowed[1 + first : 1 + first + card.shares[part]]
    if own.all():
        return None
    allowed = np.concatenate([[True], own])  # the blank
    return Charset(allowed, np.flatnonzero(allowed).astype(np.int32))


def leaves_nothing(charset: Charset | None, card: RecognizerCard) -> bool:
    """Whether a network may answer nothing but spaces.

    Args:
        charset: of the network.
        card: of the network.
    """
    return charset is not None and set(charset.ids.tolist()) <= {BLANK, *card.space_ids}


@dataclass(frozen=True)
class Readings:
    """The best readings of one image's crops so far.

    Attributes:
        ids: int32 [N, T], of the shared card.
        probabilities: float32 [N, T].
        rated: how well each line was read.
        by_first: bool [N], the lines that the first network alone has read, or read best.
    """

    ids: Ids
    probabilities: Probabilities
    rated: ReadingScores
    by_first: Mask


def doubtful_lines(rated: ReadingScores, widths: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Indices of the lines that the others read, too.

    Args:
        rated: the first network's readings.
        widths: int32 [N], of the crops; one of no width holds nothing.
    """
    return np.flatnonzero((rated.trusted < DOUBTFUL) & (widths > 0))


def belongs_to_others(best: Readings) -> bool:
    """Whether most of an image's characters are read best by others than the first network."""
    lengths = best.rated.lengths
    return bool(lengths[~best.by_first].sum() > SHARE * lengths.sum())


def keep_better(
    best: Readings, lines: npt.NDArray[np.int64], ids: Ids, probabilities: Probabilities, rated: ReadingScores
) -> Readings:
    """The readings with those of another network where they are better.

    Args:
        best: so far.
        lines: int64 [M], indices of the lines that the other has read.
        ids: int32 [M, t], of the shared card; t may be less than T.
        probabilities: float32 [M, t].
        rated: how well it read each of them.
    """
    old = best.rated[lines]
    better = (rated.trusted > old.trusted) & (rated.lengths >= LEAST_LENGTH * np.where(old.sparse, 0, old.lengths))
    won = lines[better]
    all_ids, all_probabilities = best.ids.copy(), best.probabilities.copy()
    all_ids[won], all_probabilities[won] = BLANK, 1
    all_ids[won, : ids.shape[1]] = ids[better]
    all_probabilities[won, : ids.shape[1]] = probabilities[better]
    scores, lengths, by_first = best.rated.scores.copy(), best.rated.lengths.copy(), best.by_first.copy()
    scores[won], lengths[won], by_first[won] = rated.scores[better], rated.lengths[better], False
    return Readings(all_ids, all_probabilities, ReadingScores(scores, lengths, best.rated.aspects), by_first)


def shared_ids(ids: Ids, card: RecognizerCard, part: int) -> Ids:
    """A network's own ids as ids of the shared card.

    Args:
        ids: of any shape.
        card: the shared one.
        part: index of the network.
    """
    return np.where(ids == BLANK, np.int32(BLANK), ids + np.int32(sum(card.shares[:part])))
