"""What became of one picture among many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.images import ImageSource
from ocdrnet_client.results import Page

Source = TypeVar("Source", bound=ImageSource)


@dataclass(frozen=True)
class Outcome(Generic[Source]):
    """The answer to one item of `read_many`: a page, or the error that took its place; never both.

    Attributes:
        source: the item, as it was given.
        page: what was read, None if it failed.
        error: why it failed, None if it was read.

    Example:
        >>> for outcome in client.read_many(paths):
        ...     print(outcome.source, outcome.page.text if outcome.page else outcome.error)
    """

    source: Source
    page: Page | None = None
    error: OcdrnetError | None = None

    def __post_init__(self) -> None:
        if (self.page is None) == (self.error is None):
            raise ValueError("an outcome is either a page or an error")

    def unwrap(self) -> Page:
        """The page.

        Raises:
            OcdrnetError: the error that took its place.
        """
        if self.error is not None:
            raise self.error
        assert self.page is not None
        return self.page
