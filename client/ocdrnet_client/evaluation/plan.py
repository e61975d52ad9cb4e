"""What a run compares: the pictures with their truth, the level, and the lexicons."""

from __future__ import annotations

from collections.abc import Iterable

from ocdrnet_client.evaluation.datasets import Case, Dataset, Layout, Vocabulary
from ocdrnet_client.evaluation.lexicon import STRONG, WEAK, Lexicon
from ocdrnet_client.evaluation.regions import Region, read_regions
from ocdrnet_client.evaluation.scoring import Score, score_page, score_regions
from ocdrnet_client.results import Page


class Plan:
    """Scores the pages of one set.

    The lexicon `weak` has the texts of the whole set's truth, `strong` those of the picture's truth; to both come
    the words of the vocabulary. Don't-care texts are in neither.
    """

    def __init__(
        self, layout: Layout, dataset: Dataset, level: str, lexicons: Iterable[str], vocabulary: Vocabulary
    ) -> None:
        """Take what to compare.

        Args:
            layout: of the set.
            dataset: its pictures and truth.
            level: of what was read: `word` or `line`.
            lexicons: of `weak` and `strong`.
            vocabulary: words beside the truth's own.

        Raises:
            VocabularyError: there are vocabularies by picture, but one has none.
        """
        self.cases = dataset.cases
        self.warnings = dataset.warnings
        self.level = level
        self._has_regions = layout.has_regions
        names = set(lexicons)
        self._weak = Lexicon([*_texts(*self.cases), *vocabulary.common]) if WEAK in names else None
        self._strong = {case: _strong(case, vocabulary) for case in self.cases} if STRONG in names else {}

    def score(self, case: Case, page: Page | None) -> Score:
        """Score one picture's page; with None, as if nothing had been read."""
        read: tuple[Region, ...] = () if page is None else read_regions(page, self.level)
        if not self._has_regions:
            return score_page(case.text, read)
        return score_regions(case.regions, read, self._lexicons(case))

    def _lexicons(self, case: Case) -> dict[str, Lexicon]:
        weak = {WEAK: self._weak} if self._weak is not None else {}
        strong = {STRONG: self._strong[case]} if case in self._strong else {}
        return weak | strong


def _strong(case: Case, vocabulary: Vocabulary) -> Lexicon:
    return Lexicon([*_texts(case), *vocabulary.words_for(case.picture.stem)])


def _texts(*cases: Case) -> list[str]:
    return [region.text for case in cases for region in case.regions if not region.is_dont_care]
