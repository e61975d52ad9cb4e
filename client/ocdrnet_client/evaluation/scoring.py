"""The score of one picture: what was right in it, and the list of what was not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ocdrnet_client.evaluation.lexicon import NONE, Lexicon
from ocdrnet_client.evaluation.matching import Matching, match
from ocdrnet_client.evaluation.regions import Region
from ocdrnet_client.evaluation.tally import Tally
from ocdrnet_client.evaluation.text_distance import edits, folded, normalized, words
from ocdrnet_client.results import Point

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
    """What one picture contributes to the figures.

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
        """0 to 1, to rank pictures by: end-to-end hmean, or where there is none, characters that need no edit."""
        if NONE in self.end_to_end:
            return self.end_to_end[NONE].mark
        return max(0.0, 1 - self.edits / max(self.characters, 1))


def score_regions(
    truth: Sequence[Region], read: Sequence[Region], lexicons: Mapping[str, Lexicon] | None = None
) -> Score:
    """Score a picture whose truth says where each text stands.

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
        # Sets differ in case from what stands in their pictures: SROIE's truth is all capitals.
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
    """Score a picture whose truth is its text alone.

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
    """Words of one picture wherever they stand, each as often as it occurs in both (bag of words)."""
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
