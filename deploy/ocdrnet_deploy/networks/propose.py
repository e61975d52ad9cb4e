"""A description guessed from a graph: its outputs say what kind of network it is, its names who exported it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.description import NORMALIZATIONS, Answer, Kind, NetworkDescription
from ocdrnet_deploy.networks.signature import TensorSignature, image_input, maker, outputs

OCRNET_CTC = "0123456789abcdefghijklmnopqrstuvwxyz"  # of deployable_v1.0
OCRNET_ATTENTION = "!#$%&'()*+,-./0123456789:;<=>[]^_abcdefghijklmnopqrstuvwxyz|~"  # of deployable_v2.0
_UNROLLED = 4  # LSTM nodes: OCRNet's CTC head has 2, its attention head one more for each of 26 steps


@dataclass(frozen=True)
class Proposal:
    """A guess.

    Attributes:
        description: of the network.
        notes: what was assumed, a sentence each, for the user to check.
    """

    description: NetworkDescription
    notes: list[str]


def propose_description(model: onnx.ModelProto, kind: Kind | None = None) -> Proposal:
    """Guess how a network is adapted.

    Args:
        model: the network.
        kind: that it must be; either when left out.

    Raises:
        NetworkError: it fits no contract, or is of the other kind; the text states the difference.
    """
    image, found = image_input(model), outputs(model)
    proposal = _recognizer(model, image, found) or _detector(model, image, found)
    if proposal is None:
        shown = ", ".join(map(str, found))
        raise NetworkError(
            f"the network's outputs are {shown}; a detector's is FLOAT [N, 1, H, W], a recognizer's FLOAT "
            "[N, T, classes], or output_id and output_prob [N, T]"
        )
    if kind not in (None, proposal.description.kind):
        raise NetworkError(f"the network is a {proposal.description.kind} ({found[0]}); a {kind} is needed")
    return proposal


def _detector(model: onnx.ModelProto, image: TensorSignature, found: list[TensorSignature]) -> Proposal | None:
    output = next((o for o in found if o.name == "pred"), found[0])
    is_map = len(output.dims) == 3 or (len(output.dims) == 4 and output.fixed(1) in (0, 1))
    if output.dtype != "FLOAT" or not is_map:
        return None
    last = _last_operator(model, output.name)
    answer: Answer = "probability-map" if last == "Sigmoid" else "logit-map"
    normalization = _detector_normalization(image, output)
    notes = [_normalization_note(normalization, image, output)]
    if answer == "logit-map":
        notes.append(f"answer logit-map: the map is made by {last or 'nothing'}, so a sigmoid is put behind it")
    card = _detector_card(image, normalization)
    return Proposal(NetworkDescription("detector", answer, NORMALIZATIONS[normalization], image.fixed(0), card), notes)


def _detector_normalization(image: TensorSignature, output: TensorSignature) -> str:
    """By the names that TAO, docTR and PaddleOCR give; MMOCR's where they say nothing."""
    if (image.name, output.name) == ("input", "pred"):
        return "tao"
    if output.name == "logits":
        return "doctr-detection"
    return "imagenet-bgr" if image.name == "x" else "imagenet-rgb"


def _detector_card(image: TensorSignature, normalization: str) -> dict[str, Any]:
    """OCDNet is always stretched, to TAO's default size where the export left it free."""
    tao = normalization == "tao"
    card: dict[str, Any] = {"resize": "multiple-of-32"}
    if tao or image.fixed(2):
        policy = "letterbox" if normalization == "doctr-detection" else "stretch"
        card = {"resize": policy, "height": image.fixed(2) or 736, "width": image.fixed(3) or 1280}
    return card | {"binarize_threshold": 0.3, "box_threshold": 0.55 if tao else 0.5, "unclip_ratio": 1.5}


def _recognizer(model: onnx.ModelProto, image: TensorSignature, found: list[TensorSignature]) -> Proposal | None:
    if {"output_id", "output_prob"} <= {output.name for output in found}:
        return _ocrnet(model, image, next(output for output in found if output.name == "output_id"))
    output = found[0]
    if len(output.dims) != 3 or output.dtype != "FLOAT" or not output.fixed(2) or output.fixed(2) == image.fixed(3):
        return None
    return _class_scores(model, image, output)


def _ocrnet(model: onnx.ModelProto, image: TensorSignature, ids: TensorSignature) -> Proposal:
    """TAO's OCRNet: the ids are in the graph, the alphabet is not."""
    recurrent = sum(node.op_type == "LSTM" for node in model.graph.node)
    attention = recurrent >= _UNROLLED
    card: dict[str, Any] = {
        "height": image.fixed(2) or (64 if attention else 32),
        "width": image.fixed(3) or (200 if attention else 100),
        "decoder": "attention" if attention else "ctc",
        "interpolation": "cubic",
        "characters": OCRNET_ATTENTION if attention else OCRNET_CTC,
    } | ({"time_steps": ids.fixed(1)} if ids.fixed(1) else {})
    gray = image.fixed(1) in (0, 1)
    normalization = NORMALIZATIONS["gray-half" if gray else "half"]
    description = NetworkDescription("recognizer", "ids", normalization, image.fixed(0), card)
    notes = [
        f"decoder {card['decoder']}: from the graph's {recurrent} LSTM nodes",
        "characters: those of NVIDIA's own network; put yours in, or name your character_list as characters_file",
    ]
    return Proposal(description, notes)


def _class_scores(model: onnx.ModelProto, image: TensorSignature, output: TensorSignature) -> Proposal:
    """PaddleOCR, docTR, MMOCR: CTC scores of every class."""
    answer: Answer = "class-scores" if _last_operator(model, output.name) == "Softmax" else "class-logits"
    doctr = output.name == "logits"
    normalization = "doctr-recognition" if doctr else "half"
    card: dict[str, Any] = {"height": image.fixed(2) or 48, "decoder": "ctc"}
    notes = [_normalization_note(normalization, image, output)]
    if image.fixed(3):
        card["width"] = image.fixed(3)
    else:
        card["stride"] = 8
        notes.append("stride: 8 pixels of width per time step")
    if not any(entry.key == "character" for entry in model.metadata_props):
        card["characters"] = ""
        notes.append(f"characters: not in the file; put in the {output.fixed(2) - 1} of the classes")
    notes.append(f"blank: the {'last' if doctr else 'first'} of {output.fixed(2)} classes")
    description = NetworkDescription(
        "recognizer", answer, NORMALIZATIONS[normalization], image.fixed(0), card, blank=-1 if doctr else 0
    )
    return Proposal(description, notes)


def _last_operator(model: onnx.ModelProto, tensor: str) -> str:
    node = maker(model, tensor)
    return node.op_type if node else ""


def _normalization_note(name: str, image: TensorSignature, output: TensorSignature) -> str:
    return f"normalization {name}: from the names {image.name} and {output.name}; check it against the training's"
