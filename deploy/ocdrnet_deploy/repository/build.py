"""From the names of two networks to a served repository."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_deploy.repository.assemble import assemble_repository
from ocdrnet_deploy.repository.profile import cpu_profile


def build_repository(
    output: Path,
    detector: str,
    recognizer: str,
    *,
    max_candidates: int | None = None,
    recognizer_batch: int | None = None,
) -> None:
    """Adapt two networks of the catalog and assemble a repository that Triton can load.

    Args:
        output: folder of the served repository; files of an earlier build are replaced one by one.
        detector: a detector's name in the catalog.
        recognizer: a recognizer's name in the catalog.
        max_candidates: boxes per image at most, instead of the detector's card's.
        recognizer_batch: crops per batch at most; as many as candidates when left out.

    Raises:
        BuildError: a network is unknown, missing or does not fit, or the batch is below the candidate cap.
    """
    found = prepare_detector(detector)
    if max_candidates is not None:
        found = replace(found, card=replace(found.card, max_candidates=max_candidates))
    profile = cpu_profile(recognizer_batch or found.card.max_candidates)
    assemble_repository(output, found, prepare_recognizer(recognizer), profile)
