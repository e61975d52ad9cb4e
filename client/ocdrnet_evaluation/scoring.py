"""Matches what was read with the truth, and counts.

Which region that was read is which of the truth: ICDAR 2015's protocol, one to one by overlap.

The protocol is that of the Robust Reading Competition's incidental scene text (Karatzas et al., "ICDAR 2015
Competition on Robust Reading", section 3.3): a pair matches where intersection over union is over 0.5; what lies for
more than half of its own area in one don't-care region is not counted at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import shapely
from numpy.typing import NDArray

from ocdrnet_client.results import Point
from ocdrnet_evaluation.datasets import Region
from ocdrnet_evaluation.text_distance import NONE, Lexicon, edits, folded, normalized, words

_LEAST_OVERLAP = 0.5


@dataclass(frozen=True)
class Matching:
    """What became of each region.

    Attributes:
        pairs: indices (truth, read) of regions that match, in the truth's order.
        missed: indices of the truth's regions that nothing matches, without don't-care ones.
        false: indices of regions read where the truth has none.
        ignored: indices of regions read that are not counted: in a don't-care region, or without area.
    """

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]
    ignored: tuple[int, ...]


def match(truth: Sequence[Region], read: Sequence[Region]) -> Matching:
    """Match the regions of one image.

    Each region of the truth takes, in the files' order, the first region read that overlaps it enough and is not
    taken, as the competition's own program does; two that both overlap by more than half are rare.
    """
    true_areas, areas, shared = _areas(truth, read)
    ignored = _ignored(truth, areas, shared)
    free = [index for index in range(len(read)) if index not in ignored]
    pairs, missed = [], []
    for row, region in enumerate(truth):
        if region.is_dont_care:
            continue
        found = next((k for k in free if _overlap(true_areas[row], areas[k], shared[row, k]) > _LEAST_OVERLAP), None)
        if found is None:
            missed.append(row)
        else:
            free.remove(found)
            pairs.append((row, found))
    return Matching(tuple(pairs), tuple(missed), tuple(free), tuple(sorted(ignored)))


def _areas(
    truth: Sequence[Region], read: Sequence[Region]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Areas of the truth [T], of what was read [R], and what each pair shares [T, R], in square pixels."""
    true_polygons, polygons = _polygons(truth), _polygons(read)
    shared = shapely.area(shapely.intersection(true_polygons[:, None], polygons[None, :]))
    return shapely.area(true_polygons), shapely.area(polygons), shared


def _polygons(regions: Sequence[Region]) -> NDArray[np.object_]:
    polygons = np.empty(len(regions), object)
    for index, region in enumerate(regions):
        polygon = shapely.Polygon(region.points)
        # An outline that crosses itself has no area until it is cleaned.
        polygons[index] = polygon if polygon.is_valid else polygon.buffer(0)
    return polygons


def _ignored(truth: Sequence[Region], areas: NDArray[np.float64], shared: NDArray[np.float64]) -> set[int]:
    rows = [row for row, region in enumerate(truth) if region.is_dont_care]
    inside = (shared[rows] > _LEAST_OVERLAP * areas).any(axis=0)
    return set(np.flatnonzero(inside | (areas == 0)).tolist())


def _overlap(first: float, second: float, shared: float) -> float:
    """Intersection over union; 0 where neither has an area."""
    return shared / (first + second - shared) if shared else 0.0


@dataclass(frozen=True)
class Tally:
    """Counts of what there was, what was read, and what of it was right.

    Attributes:
        truth: things in the truth.
        read: things that were read.
        right: things in both, at most the smaller of the two.
    """

    truth: int = 0
    read: int = 0
    right: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.truth + other.truth, self.read + other.read, self.right + other.right)

    @property
    def precision(self) -> float:
        """Share of what was read that is right, 0 to 1; 0 if nothing was read."""
        return self.right / max(self.read, 1)

    @property
    def recall(self) -> float:
        """Share of the truth that was read, 0 to 1; 0 if there is no truth."""
        return self.right / max(self.truth, 1)

    @property
    def hmean(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1, also called F1."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    @property
    def mark(self) -> float:
        """`hmean`, but 1 where there is nothing to read and nothing was read: what one image deserves."""
        return 1.0 if self.truth == self.read == 0 else self.hmean


Kind: TypeAlias = Literal["missed", "false", "wrong"]


@dataclass(frozen=True)
class Mistake:
    """One thing that was not read as the truth has it.

    Attributes:
        kind: `missed`: only in the truth; `false`: only read; `wrong`: in its place, with another text.
        truth: the true text, empty for a false one.
        read: the text that was read, empty for a missed one.
        points: where it stands, empty where that is not known.
    """

    kind: Kind
    truth: str
    read: str
    points: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Score:
    """What one image contributes to the figures.

    Attributes:
        words: bag of words.
        edits: single-character edits between matched texts and their truth, case ignored; of a page, between all
            that was read and its truth, with case.
        characters: of the truth of those matched texts, or of the page.
        detection: regions in their place; None where the truth has no regions.
        end_to_end: regions in their place with their text, by lexicon.
        mistakes: without a lexicon, in the truth's order, false ones last.
        truth: the truth's regions.
        read: the regions that were read.
        ignored: indices of regions in `read` that were not counted.
    """

    words: Tally
    edits: int
    characters: int
    detection: Tally | None = None
    end_to_end: Mapping[str, Tally] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
    truth: tuple[Region, ...] = ()
    read: tuple[Region, ...] = ()
    ignored: tuple[int, ...] = ()

    @property
    def mark(self) -> float:
        """0 to 1, to rank images by: end-to-end hmean, or where there is none, characters that need no edit."""
        if NONE in self.end_to_end:
            return self.end_to_end[NONE].mark
        return max(0.0, 1 - self.edits / max(self.characters, 1))


def score_regions(
    truth: Sequence[Region], read: Sequence[Region], lexicons: Mapping[str, Lexicon] | None = None
) -> Score:
    """Score an image whose truth says where each text stands.

    Args:
        truth: all regions, don't-care ones too.
        read: words or lines, like the truth.
        lexicons: by name, for more end-to-end tallies than that without one.
    """
    matching = match(truth, read)
    pairs = [(truth[row], read[column]) for row, column in matching.pairs]
    wanted = [region for region in truth if not region.is_dont_care]
    counted = [region for index, region in enumerate(read) if index not in matching.ignored]
    sizes = len(wanted), len(counted)
    end_to_end = {NONE: Tally(*sizes, _right(pairs))}
    for name, lexicon in (lexicons or {}).items():
        end_to_end[name] = Tally(*sizes, _right(pairs, lexicon))
    return Score(
        words=score_words((region.text for region in wanted), (region.text for region in counted)),
        # Sets differ in case from what stands in their images: SROIE's truth is all capitals.
        edits=sum(edits(folded(true.text).lower(), folded(seen.text).lower()) for true, seen in pairs),
        characters=sum(len(folded(true.text)) for true, _ in pairs),
        detection=Tally(*sizes, len(pairs)),
        end_to_end=end_to_end,
        mistakes=tuple(_mistakes(truth, read, matching)),
        truth=tuple(truth),
        read=tuple(read),
        ignored=matching.ignored,
    )


def score_page(truth: str, read: Sequence[Region]) -> Score:
    """Score an image whose truth is its text alone.

    Args:
        truth: the text, in reading order.
        read: lines, in reading order.
    """
    wanted, found = folded(truth), folded(" ".join(region.text for region in read))
    return Score(
        words=score_words([wanted], [found]),
        edits=edits(wanted, found),
        characters=len(wanted),
        mistakes=tuple(_word_mistakes(wanted, found)),
        read=tuple(read),
    )


def score_words(truth: Iterable[str], read: Iterable[str]) -> Tally:
    """Words of one image wherever they stand, each as often as it occurs in both (bag of words)."""
    wanted = Counter(word for text in truth for word in words(text))
    found = Counter(word for text in read for word in words(text))
    return Tally(wanted.total(), found.total(), (wanted & found).total())


def _right(pairs: Iterable[tuple[Region, Region]], lexicon: Lexicon | None = None) -> int:
    return sum(_is_same(true.text, lexicon.closest(seen.text) if lexicon else seen.text) for true, seen in pairs)


def _is_same(first: str, second: str) -> bool:
    return normalized(first) == normalized(second)


def _mistakes(truth: Sequence[Region], read: Sequence[Region], matching: Matching) -> Iterable[Mistake]:
    partner = dict(matching.pairs)
    for row, region in enumerate(truth):
        if row in matching.missed:
            yield Mistake("missed", region.text, "", region.points)
        elif row in partner and not _is_same(region.text, read[partner[row]].text):
            yield Mistake("wrong", region.text, read[partner[row]].text, region.points)
    for column in matching.false:
        yield Mistake("false", "", read[column].text, read[column].points)


def _word_mistakes(truth: str, read: str) -> Iterable[Mistake]:
    wanted, found = Counter(words(truth)), Counter(words(read))
    yield from (Mistake("missed", word, "") for word in (wanted - found).elements())
    yield from (Mistake("false", "", word) for word in (found - wanted).elements())
