"""The figures of a whole set, as `ocdrnet eval --json` prints them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocdrnet_evaluation.scoring import Score, Tally
from ocdrnet_evaluation.text_distance import NONE

_DIGITS = 4


@dataclass(frozen=True)
class ImageResult:
    """What became of one image.

    Attributes:
        name: unique in this run.
        path: of the file.
        score: of what was read; of nothing read where it failed.
        seconds: from the opening of the file to the parsed answer, retries included; None where it failed.
        error: why it failed.
    """

    name: str
    path: Path
    score: Score
    seconds: float | None = None
    error: str | None = None


def summarize(results: Sequence[ImageResult]) -> dict[str, Any]:
    """Figures over all images: counts are added up first, so that an image with much text weighs more.

    Returns:
        JSON-ready; `end_to_end` and the like map to precision, recall and hmean, each 0 to 1 with four digits. What
        the set's truth does not tell, or no image allows to tell, is left out or None.
    """
    scores = [result.score for result in results]
    found: dict[str, Any] = {
        "images": len(results),
        "failed": [result.name for result in results if result.error is not None],
    }
    if detections := [score.detection for score in scores if score.detection is not None]:
        total = sum(detections, Tally())
        found |= {"truth": total.truth, "read": total.read, "matched": total.right, "detection": _rates(total)}
    for name in scores[0].end_to_end if scores else ():
        key = "end_to_end" if name == NONE else f"end_to_end_{name}"
        found[key] = _rates(sum((score.end_to_end[name] for score in scores), Tally()))
    bag = _rates(sum((score.words for score in scores), Tally()))
    found["bag_of_words"] = {"precision": bag["precision"], "recall": bag["recall"], "f1": bag["hmean"]}
    return found | _characters(scores) | {"seconds_per_image": _seconds(results)}


def flattened(figures: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures that a floor can be set for, by dotted names such as `detection.hmean`."""
    flat: dict[str, float | None] = {"character_error_rate": figures["character_error_rate"]}
    for key, value in figures.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{part}": number for part, number in value.items()}
    return flat


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least a share (0 to 1) of the values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rates(tally: Tally) -> dict[str, float]:
    return {
        "precision": round(tally.precision, _DIGITS),
        "recall": round(tally.recall, _DIGITS),
        "hmean": round(tally.hmean, _DIGITS),
    }


def _characters(scores: Sequence[Score]) -> dict[str, Any]:
    wrong, total = sum(score.edits for score in scores), sum(score.characters for score in scores)
    rate = round(wrong / total, _DIGITS) if total else None
    return {"character_error_rate": rate, "edits": wrong, "characters": total}


def _seconds(results: Sequence[ImageResult]) -> dict[str, float | None]:
    times = [result.seconds for result in results if result.seconds is not None]
    if not times:
        return {"median": None, "p95": None}
    return {"median": round(statistics.median(times), _DIGITS), "p95": round(percentile(times, 0.95), _DIGITS)}
