"""A description guessed from a graph: its outputs say what kind of network it is, its names who exported it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx

from ocdrnet_deploy.catalog.description import NORMALIZATIONS, Answer, Kind, NetworkDescription
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.signature import OLDEST_OPSET, STANDARD_DOMAINS, TensorSignature, image_input, maker, outputs

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
    opset = next((o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS), 1)
    if opset < OLDEST_OPSET:
        raise NetworkError(
            f"the network is written in opset {opset}; it must be {OLDEST_OPSET} or later: export it anew"
        )
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
    card = _detector_card(model, image, normalization)
    if normalization == "tao":
        why = "the graph has the attention of a FAN" if _attends(model) else "the graph is a convolutional OCDNet"
        notes.append(f"binarize_threshold {card['binarize_threshold']}: {why}; take your specification's `thresh`")
    if not (image.fixed(2) and image.fixed(3)) and normalization == "tao":
        notes.append("height, width: TAO's default size, for the file leaves it free")
    return Proposal(NetworkDescription("detector", answer, NORMALIZATIONS[normalization], image.fixed(0), card), notes)


def _detector_normalization(image: TensorSignature, output: TensorSignature) -> str:
    """By the names that TAO, docTR and PaddleOCR give; MMOCR's where they say nothing."""
    if (image.name, output.name) == ("input", "pred"):
        return "tao"
    if output.name == "logits":
        return "doctr-detection"
    return "imagenet-bgr" if image.name == "x" else "imagenet-rgb"


def _detector_card(model: onnx.ModelProto, image: TensorSignature, normalization: str) -> dict[str, Any]:
    """OCDNet is always stretched, to TAO's default size where the export left it free.

    TAO's specifications binarize at 0.3, those of FAN (`*_ocdnet_vit.yaml`) at 0.5.
    """
    tao = normalization == "tao"
    card: dict[str, Any] = {"resize": "multiple-of-32"}
    if tao or image.fixed(2):
        policy = "letterbox" if normalization == "doctr-detection" else "stretch"
        card = {"resize": policy, "height": image.fixed(2) or 736, "width": image.fixed(3) or 1280}
    threshold = 0.5 if tao and _attends(model) else 0.3
    return card | {"binarize_threshold": threshold, "box_threshold": 0.55 if tao else 0.5, "unclip_ratio": 1.5}


def _recognizer(model: onnx.ModelProto, image: TensorSignature, found: list[TensorSignature]) -> Proposal | None:
    if {"output_id", "output_prob"} <= {output.name for output in found}:
        return _ocrnet(model, image, next(output for output in found if output.name == "output_id"))
    output = found[0]
    if len(output.dims) != 3 or output.dtype != "FLOAT" or not output.fixed(2) or output.fixed(2) == image.fixed(3):
        return None
    if _is_time_major(image, output):
        raise NetworkError(
            f"the network's output {output} has its time steps before the images; a recognizer's is [N, T, classes]: "
            "transpose it before the export"
        )
    return _class_scores(model, image, output)


def _is_time_major(image: TensorSignature, output: TensorSignature) -> bool:
    """Whether the second axis is the input's batch, by its name or as the one that is 1."""
    batch = image.dims[0] if image.dims else "?"
    return batch != "?" and output.dims[1] == batch != output.dims[0]


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
    normalization = NORMALIZATIONS["gray-half" if gray else "rgb-half"]
    description = NetworkDescription("recognizer", "ids", normalization, image.fixed(0), card)
    notes = [
        f"decoder {card['decoder']}: from the graph's {recurrent} LSTM nodes",
        f"normalization {'gray' if gray else 'rgb'}-half: from the input's {image.fixed(1) or 'free number of'} planes",
        "characters: those of NVIDIA's own network; put yours in, or name your character_list as characters_file",
    ]
    return Proposal(description, notes)


def _class_scores(model: onnx.ModelProto, image: TensorSignature, output: TensorSignature) -> Proposal:
    """PaddleOCR, docTR, MMOCR: CTC scores of every class."""
    answer: Answer = "class-scores" if _last_operator(model, output.name) == "Softmax" else "class-logits"
    doctr, gray = output.name == "logits", image.fixed(1) == 1
    normalization = "gray-half" if gray else "doctr-recognition" if doctr else "half"
    ends = _ends_texts(model, image, output)
    card: dict[str, Any] = {"height": image.fixed(2) or 48, "decoder": "attention" if ends else "ctc"}
    notes = [_normalization_note(normalization, image, output)]
    notes.append(_decoder_note(image, output, ends=ends))
    if doctr or gray:
        card["padding"] = "black" if doctr else "edge"
        card |= {"keep_aspect": True} if image.fixed(3) else {}
        notes.append(f"padding {card['padding']}: as {'docTR' if doctr else 'EasyOCR'} fills up a short line")
    elif image.fixed(3):
        notes.append("keep_aspect: false, so crops are stretched; say true, and a padding, if the training padded them")
    else:
        notes.append("padding gray: as PP-OCR's training has it right of a short line")
    if not image.fixed(2):
        notes.append("height: 48 pixels, for the file leaves it free")
    if image.fixed(3):
        card["width"] = image.fixed(3)
    else:
        card["stride"] = 8
        notes.append("stride: 8 pixels of width per time step; `models build` counts them")
    if not any(entry.key == "character" for entry in model.metadata_props):
        card["characters"] = ""
        notes.append(f"characters: not in the file; put in the {output.fixed(2) - 1} of the classes")
    last = doctr or ends
    what = "end of a text" if ends else "blank"
    notes.append(f"{what}: the {'last' if last else 'first'} of {output.fixed(2)} classes")
    description = NetworkDescription(
        "recognizer", answer, NORMALIZATIONS[normalization], image.fixed(0), card, blank=-1 if last else 0
    )
    return Proposal(description, notes)


def _ends_texts(model: onnx.ModelProto, image: TensorSignature, output: TensorSignature) -> bool:
    """Whether steps are characters one after another, as of docTR's parseq and vitstr, and not places in the crop.

    A CTC's steps share the width evenly. The others have one more than the longest text has characters.
    """
    steps, width = output.fixed(1), image.fixed(3)
    return bool(steps and width and width % steps) and _attends(model)


def _attends(model: onnx.ModelProto) -> bool:
    """Whether there are attention layers: a softmax over a product, multiplied again."""
    makers = {name: node for node in model.graph.node for name in node.output}
    read = [name for node in model.graph.node if node.op_type == "MatMul" for name in node.input]
    return any(name in makers and makers[name].op_type == "Softmax" for name in read)


def _decoder_note(image: TensorSignature, output: TensorSignature, *, ends: bool) -> str:
    steps, width = output.fixed(1), image.fixed(3)
    if ends:
        return f"decoder attention: {steps} steps do not share {width} pixels evenly, so each is a character"
    return "decoder ctc: the graph does not say whether equal neighbours are one character; a CTC's are"


def _last_operator(model: onnx.ModelProto, tensor: str) -> str:
    node = maker(model, tensor)
    return node.op_type if node else ""


def _normalization_note(name: str, image: TensorSignature, output: TensorSignature) -> str:
    return f"normalization {name}: from the names {image.name} and {output.name}; check it against the training's"
