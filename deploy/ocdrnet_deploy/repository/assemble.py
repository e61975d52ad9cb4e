"""Assemble a served repository from the project's models, two networks and a deployment profile."""

from __future__ import annotations

from pathlib import Path

import onnx

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.paths import model_repository
from ocdrnet_deploy.repository.configs import (
    ModelConfig,
    config_text,
    place_detector,
    place_recognizer,
    read_config,
)
from ocdrnet_deploy.repository.files import write_file
from ocdrnet_deploy.repository.profile import CpuProfile
from ocdrnet_ops.cards import DetectorCard, RecognizerCard, card_json


def assemble_repository(
    output: Path, detector: PreparedDetector, recognizer: PreparedRecognizer, profile: CpuProfile
) -> None:
    """Write a repository that Triton can load.

    Args:
        output: folder of the served repository; files of an earlier build are replaced one by one.
        detector: adapted network and its card.
        recognizer: adapted network and its card.
        profile: threads and batches.

    Raises:
        BuildError: the recognizer's batch is below the detector's candidate cap, or a file cannot be written.
    """
    check_batch(detector.card, profile)
    try:
        _place_weights(output / "ocdnet" / "1", detector.model, detector.card)
        _place_weights(output / "ocrnet" / "1", recognizer.model, recognizer.card)
        for source in sorted(path for path in model_repository().iterdir() if path.is_dir()):
            _place_model(source, output / source.name, profile, recognizer.card)
    except OSError as error:
        raise BuildError(f"{output} was not assembled: {error.filename}: {error.strerror}") from None


def check_batch(card: DetectorCard, profile: CpuProfile) -> None:
    """Refuse a recognizer that could not take all crops of one image: they are one batch, and Triton splits none.

    Raises:
        BuildError: the batch is below the candidate cap.
    """
    if profile.recognizer_batch < card.max_candidates:
        raise BuildError(
            f"the recognizer's batch of {profile.recognizer_batch} is below the detector's candidate cap of "
            f"{card.max_candidates}: an image with more boxes would fail. Raise --recognizer-batch or lower "
            "--max-candidates"
        )


def _place_weights(folder: Path, model: onnx.ModelProto, card: DetectorCard | RecognizerCard) -> None:
    write_file(folder / "model.onnx", model.SerializeToString())
    write_file(folder / "card.json", card_json(card))


def _place_model(source: Path, target: Path, profile: CpuProfile, recognizer: RecognizerCard) -> None:
    config = read_config(source / "config.pbtxt")
    _render(config, profile, recognizer)
    code = source / "1" / "model.py"
    if code.exists():
        write_file(target / "1" / "model.py", code.read_bytes())
    (target / "1").mkdir(parents=True, exist_ok=True)  # Triton wants a version folder, also of an ensemble
    write_file(target / "config.pbtxt", config_text(config))


def _render(config: ModelConfig, profile: CpuProfile, recognizer: RecognizerCard) -> None:
    if config.name == "ocdnet":
        place_detector(config, profile)
    elif config.name == "ocrnet":
        place_recognizer(config, profile, recognizer)
