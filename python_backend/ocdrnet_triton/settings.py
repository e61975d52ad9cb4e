"""What a model reads once, in `initialize`: its parameters in config.pbtxt and the cards beside the networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import cv2

from ocdrnet_ops.cards import DetectorCard, RecognizerCard, read_detector_card, read_recognizer_card

Args = Mapping[str, str]  # what Triton passes to `initialize`


def parameters(args: Args) -> dict[str, str]:
    """The `parameters` of the model's config.pbtxt."""
    config = json.loads(args["model_config"])
    return {name: value["string_value"] for name, value in config.get("parameters", {}).items()}


def version_folder(args: Args, model: str | None = None) -> Path:
    """Folder of a model's version 1, where its weights and card lie: this model's, or another's of the repository."""
    own = Path(args["model_repository"])
    return (own.parent / model if model else own) / "1"


def detector_card(args: Args) -> DetectorCard:
    """The card of the detector that this model's config names."""
    return read_detector_card(version_folder(args, parameters(args)["detector"]) / "card.json")


def recognizer_card(args: Args) -> RecognizerCard:
    """The card of the recognizer that this model's config names."""
    return read_recognizer_card(version_folder(args, parameters(args)["recognizer"]) / "card.json")


def use_one_opencv_thread() -> None:
    """Keep OpenCV from taking every core of the host in every stub process; Triton's instances are the parallelism."""
    cv2.setNumThreads(1)
