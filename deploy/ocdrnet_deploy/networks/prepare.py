"""A catalog entry -> a network that fits the pipeline, and its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.adapt import adapt_ctc_recognizer, adapt_detector
from ocdrnet_deploy.networks.catalog import CatalogEntry, find_network
from ocdrnet_deploy.networks.weights import find_weights
from ocdrnet_ops.cards import DetectorCard, RecognizerCard


@dataclass(frozen=True)
class PreparedDetector:
    """An adapted detector and its card."""

    model: onnx.ModelProto
    card: DetectorCard


@dataclass(frozen=True)
class PreparedRecognizer:
    """An adapted recognizer and its card."""

    model: onnx.ModelProto
    card: RecognizerCard


def prepare_detector(name: str) -> PreparedDetector:
    """Find, check and adapt a detector of the catalog.

    Raises:
        BuildError: it is unknown, its weights are missing, or it does not fit.
    """
    entry = find_network("detector", name)
    model = adapt_detector(onnx.load(find_weights(entry)), entry.normalization)
    return PreparedDetector(model, DetectorCard(**_provenance(entry), **entry.card))


def prepare_recognizer(name: str) -> PreparedRecognizer:
    """Find, check and adapt a recognizer of the catalog.

    Raises:
        BuildError: it is unknown, its weights are missing, or it does not fit.
    """
    entry = find_network("recognizer", name)
    original = onnx.load(find_weights(entry))
    characters = embedded_characters(original)
    card = RecognizerCard(**_provenance(entry), **entry.card, characters=characters)
    return PreparedRecognizer(adapt_ctc_recognizer(original, entry.normalization, card.height), card)


def embedded_characters(model: onnx.ModelProto) -> tuple[str, ...]:
    """Characters of ids 1, 2, ... from the metadata that PaddleOCR's exports carry; the space comes last.

    Raises:
        NetworkError: there are none, or their number does not match the network's classes.
    """
    text = next((entry.value for entry in model.metadata_props if entry.key == "character"), None)
    if text is None:
        raise NetworkError("the recognizer carries no character list in its metadata")
    characters = (*text.split("\n"), " ")
    classes = model.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    if len(characters) + 1 != classes:
        raise NetworkError(f"the recognizer has {classes} classes, its list {len(characters)} characters and a blank")
    return characters


def _provenance(entry: CatalogEntry) -> dict[str, Any]:
    return {"name": entry.name, "source": str(entry.source), "license": entry.license, "sha256": entry.sha256}
