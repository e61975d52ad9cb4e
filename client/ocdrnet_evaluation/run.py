"""What `ocdrnet eval` reads, and in what time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ocdrnet_client.client import Client
from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.ordered import check_concurrency, map_in_threads
from ocdrnet_client.results import Page
from ocdrnet_evaluation.datasets import Case, Dataset, Layout, Region, Vocabulary, read_regions
from ocdrnet_evaluation.scoring import Score, score_page, score_regions
from ocdrnet_evaluation.text_distance import STRONG, WEAK, Lexicon


@dataclass(frozen=True)
class Reading:
    """What became of one image: a page and its time, or an error.

    Attributes:
        case: the image and its truth.
        page: what was read.
        seconds: from the opening of the file to the parsed answer, retries included.
        error: why it failed.
    """

    case: Case
    page: Page | None = None
    seconds: float | None = None
    error: OcdrnetError | None = None


def read_timed(
    client: Client, cases: Iterable[Case], concurrency: int, parameters: Mapping[str, Any]
) -> Iterator[Reading]:
    """Read every image, in order, with so many requests at once; one that fails does not end the others."""

    def reading(case: Case) -> Reading:
        started = time.perf_counter()
        try:
            page = client.read(case.image, **parameters)
        except OcdrnetError as error:
            return Reading(case, error=error)
        return Reading(case, page, time.perf_counter() - started)

    return map_in_threads(reading, cases, check_concurrency(concurrency))


class Plan:
    """Scores the pages of one set.

    The lexicon `weak` has the texts of the whole set's truth, `strong` those of the image's truth; to both come
    the words of the vocabulary. Don't-care texts are in neither.
    """

    def __init__(
        self, layout: Layout, dataset: Dataset, level: str, lexicons: Iterable[str], vocabulary: Vocabulary
    ) -> None:
        """Take what to compare.

        Args:
            layout: of the set.
            dataset: its images and truth.
            level: of what was read: `word` or `line`.
            lexicons: of `weak` and `strong`.
            vocabulary: words beside the truth's own.

        Raises:
            VocabularyError: there are vocabularies by image, but one has none.
        """
        self.cases = dataset.cases
        self.warnings = dataset.warnings
        self.level = level
        self._has_regions = layout.has_regions
        names = set(lexicons)
        self._weak = Lexicon([*_texts(*self.cases), *vocabulary.common]) if WEAK in names else None
        self._strong = {case: _strong(case, vocabulary) for case in self.cases} if STRONG in names else {}

    def score(self, case: Case, page: Page | None) -> Score:
        """Score one image's page; with None, as if nothing had been read."""
        read: tuple[Region, ...] = () if page is None else read_regions(page, self.level)
        if not self._has_regions:
            return score_page(case.text, read)
        return score_regions(case.regions, read, self._lexicons(case))

    def _lexicons(self, case: Case) -> dict[str, Lexicon]:
        weak = {WEAK: self._weak} if self._weak is not None else {}
        strong = {STRONG: self._strong[case]} if case in self._strong else {}
        return weak | strong


def _strong(case: Case, vocabulary: Vocabulary) -> Lexicon:
    return Lexicon([*_texts(case), *vocabulary.words_for(case.image.stem)])


def _texts(*cases: Case) -> list[str]:
    return [region.text for case in cases for region in case.regions if not region.is_dont_care]
