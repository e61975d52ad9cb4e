"""Reads a set's pictures and takes the time of each, as a caller sees it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ocdrnet_client.client import Client
from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.evaluation.datasets import Case
from ocdrnet_client.ordered import check_concurrency, map_in_threads
from ocdrnet_client.results import Page


@dataclass(frozen=True)
class Reading:
    """What became of one picture: a page and its time, or an error.

    Attributes:
        case: the picture and its truth.
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
    """Read every picture, in order, with so many requests at once; one that fails does not end the others."""

    def reading(case: Case) -> Reading:
        started = time.perf_counter()
        try:
            page = client.read(case.picture, **parameters)
        except OcdrnetError as error:
            return Reading(case, error=error)
        return Reading(case, page, time.perf_counter() - started)

    return map_in_threads(reading, cases, check_concurrency(concurrency))
