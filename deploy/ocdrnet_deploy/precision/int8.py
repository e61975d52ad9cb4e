"""INT8 for the CPU: post-training quantization of the layers that bear it.

The graph stays ONNX. A layer in 8 bits reads its image and its weights through QuantizeLinear and DequantizeLinear,
which OpenVINO fuses with it: weights with a scale for each output channel, the image with one scale and, in front of
a convolution, a zero point (Krishnamoorthi, arXiv:1806.08342, sections 2 and 3.1).

Quantizers that choose the places themselves round more: NNCF's put 8 bits between the layers too, ONNX Runtime's made
the default networks slower than they were.

What is computed in 8 bits: layers with weights, convolutions and matrix products. What stays as it is:

- what lies between the layers. Sums of residuals carry an image through the whole network: rounded to 8 bits after
  each block, its small differences are lost. Attention's products and normalizations have few values that are large;
- the stem, the layers before the first depthwise convolution: they see the image itself, at its highest resolution,
  and what they lose no later layer has. Of the default detector one of them alone, in 8 bits, puts the map off by up to
  11 of 255;
- depthwise convolutions: each of their channels has a range of its own, and a scale for all suits few. They multiply
  little, so that the change of format on both sides costs more time than 8 bits save;
- gates of squeeze-and-excitation blocks, and the layer that each is made of and scales. A gate is a mean of the whole
  image: single roundings go, what they have in common stays. Of the default detector the four layers before the
  neck's gates alone put the map off by up to 39 of 255;
- the pipeline's own nodes, and those that make the outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnx.version_converter
from onnx import TensorProto, helper

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.graphs.graph import Constants, GraphEdit
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.precision.drawn_images import drawn_images
from ocdrnet_deploy.precision.half import pipeline_nodes
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.detection.dbnet import dbnet_settings, detect_boxes
from ocdrnet_ops.geometry.crop import crop_lines
from ocdrnet_ops.image.resize import detector_input
from ocdrnet_triton.engines.openvino import core
from ocdrnet_triton.engines.quiet_openvino import openvino as ov

Images = npt.NDArray[np.uint8]
Detect = Callable[[Images], npt.NDArray[Any]]

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_MAX_IMAGES = 64
_MAX_CROPS = 96
_WIDTH_STEP = 32
_SAMPLES = Path(__file__).parents[3] / "samples"  # in a checkout; an installed wheel has none


def calibration_images(folder: Path | None) -> list[Images]:
    """Images of a folder, uint8 [H, W, 3] BGR, the first 64 by name.

    Args:
        folder: of images like those that will be read; when left out, receipts, pages and photos are drawn, and the
            checkout's `samples/` are added.

    Raises:
        BuildError: there is no image in the folder.
    """
    where = folder or _SAMPLES
    paths = sorted(path for path in where.glob("*") if path.suffix.lower() in _SUFFIXES) if where.is_dir() else []
    read = [image for path in paths[:_MAX_IMAGES] if (image := cv2.imread(str(path))) is not None]
    images = [image.astype(np.uint8, copy=False) for image in read]
    if folder is None:
        return images + drawn_images()
    if not images:
        raise BuildError(f"{where} has no image to calibrate INT8 on. Name a folder of images: --calibration DIR")
    return images


def network_inputs(
    images: list[Images], detect: Detect, detector: DetectorCard, recognizer: RecognizerCard
) -> tuple[list[Images], list[Images]]:
    """What detector and recognizer are fed for these images: inputs uint8 [1, h, w, 3] of each.

    Args:
        images: uint8 [H, W, 3].
        detect: runs the detector: uint8 [1, h, w, 3] -> probability map uint8 [1, 1, h, w].
        detector: its card.
        recognizer: its card.
    """
    scaled = [detector_input(image, detector) for image in images]
    crops: list[Images] = []
    for image, placed in zip(images, scaled, strict=True):
        size = (image.shape[1], image.shape[0])
        probability = detect(placed.tiles)[0, 0]
        found = detect_boxes(probability, placed.map_transforms[0], size, dbnet_settings(detector, {}))
        if not len(found.boxes):
            continue  # there would be one blank crop
        cut = crop_lines(image, found.boxes, recognizer)
        for pixels, width in zip(cut.pixels, cut.widths[:, 0], strict=True):
            own = max(_WIDTH_STEP, -(-int(width) // _WIDTH_STEP) * _WIDTH_STEP)
            crops.append(np.ascontiguousarray(pixels[None, :, :own]))
    return [placed.tiles for placed in scaled], _spread(crops)


def _spread(crops: list[Images]) -> list[Images]:
    """At most 96, from all images alike."""
    return crops[:: max(1, -(-len(crops) // _MAX_CROPS))]


_LAYERS = ("Conv", "MatMul", "Gemm")
_WITH_ZERO_POINT = ("Conv",)  # OpenVINO's kernels of the others have none
_SMALLEST = 1e-7  # a step of 0 would divide by it
_EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
_IN_GATES = ("Conv", "Relu", "HardSigmoid", "Sigmoid", "Add")  # up to the product with the image
_BEHIND_LAYERS = ("Add", "Relu")  # a layer's bias and activation
_OPSET = 17  # QuantizeLinear has a scale for each channel from 13 on; the default networks are written in 11


def quantize_pair(
    detector: PreparedDetector, recognizer: PreparedRecognizer, folder: Path | None
) -> tuple[PreparedDetector, PreparedRecognizer]:
    """Both networks in INT8.

    Args:
        detector: in FP32.
        recognizer: in FP32.
        folder: of calibration images; drawn ones when left out.

    Raises:
        BuildError: there are no images, or OpenVINO does not run the networks.
    """
    for network in (detector, recognizer):
        _check_runtime(network)
    compiled = _compiled(detector)
    images, crops = network_inputs(
        calibration_images(folder), lambda tile: compiled(tile)[0], detector.card, recognizer.card
    )
    if not crops:
        raise BuildError("the detector found no text in the calibration images. Name others: --calibration DIR")
    return (
        # Where the detector's strong values were clipped, one photo's map was off four times as far. Of many crops one
        # odd one would widen the range for all: three times as many confident ids changed.
        replace(detector, model=quantized(detector.model, images)),
        replace(recognizer, model=quantized(recognizer.model, crops, clips=True)),
    )


def quantize_detector(detector: PreparedDetector, folder: Path | None) -> PreparedDetector:
    """The detector in INT8, for a recognizer in floats: what INT8 loses, the recognizer loses.

    Args:
        detector: in FP32.
        folder: as of `quantize_pair`.

    Raises:
        BuildError: as `quantize_pair`.
    """
    _check_runtime(detector)
    tiles = [detector_input(image, detector.card).tiles for image in calibration_images(folder)]
    return replace(detector, model=quantized(detector.model, tiles))


def why_not_int8(flags: frozenset[str]) -> str:
    """Why INT8 is not worth what it loses on a CPU, as a sentence; "" where it is.

    Measured with OpenVINO, see docs/tensorrt.md: AVX-512 with VNNI takes 0.74 of the time of FP32 for photos, AMX
    computes in bfloat16 as fast.

    Args:
        flags: of the CPU, as Linux names them.
    """
    if "amx_tile" in flags:
        return "this CPU has AMX, which is as fast in bfloat16"
    if "avx512_vnni" not in flags:
        return "this CPU has no AVX-512 with VNNI, which INT8 was measured with"
    return ""


def _check_runtime(network: PreparedDetector | PreparedRecognizer) -> None:
    if network.runtime != "openvino":
        raise BuildError(f"INT8 is for networks that OpenVINO runs; {network.card.name} runs in {network.runtime}")


def _compiled(detector: PreparedDetector) -> ov.CompiledModel:
    try:
        return core().compile_model(core().read_model(detector.model.SerializeToString()), "CPU")
    except RuntimeError as error:
        raise BuildError(f"OpenVINO does not run {detector.card.name}: {error}") from None


def quantized(
    model: onnx.ModelProto, inputs: Sequence[npt.NDArray[np.uint8]], *, clips: bool = False
) -> onnx.ModelProto:
    """A network whose layers with weights are in INT8, but for those of `float_nodes`.

    Args:
        model: an adapted network.
        inputs: uint8 [n, h, w, 3] each, that activations' ranges are taken from.
        clips: whether a range ends at the mean of the inputs' extremes, instead of at the extreme of all.

    Raises:
        BuildError: the network's opset is too old and cannot be raised.
    """
    edit = GraphEdit(_without_identities(_modern(model)))
    kept = set(float_nodes(edit.model))
    layers = [node for node in edit.graph.node if node.name not in kept]
    ranges = _ranges(edit.model, sorted({node.input[0] for node in layers}), inputs, clips=clips)
    constants, known = Constants(edit.graph), dict[tuple[str, bool], str]()
    before = len(edit.graph.node)
    for node in layers:
        image = node.input[0], node.op_type in _WITH_ZERO_POINT
        if image not in known:
            known[image] = _rounded(edit, image[0], *ranges[image[0]], has_zero_point=image[1])
        weights = constants.value(node.input[1])
        assert weights is not None
        node.input[0], node.input[1] = known[image], _rounded_weights(edit, node, weights.astype(np.float32))
    edit.prepend(before)
    edit.drop_unread_weights()
    return edit.model


def _ranges(
    model: onnx.ModelProto, names: list[str], inputs: Sequence[npt.NDArray[np.uint8]], *, clips: bool
) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each tensor; 0 is always in between."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    compiled = core().compile_model(core().read_model(watched.SerializeToString()), "CPU", _EXACT)
    ends: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for each in inputs:
        answer = compiled(each)
        for name in names:
            ends[name].append((float(answer[name].min()), float(answer[name].max())))
    found: dict[str, tuple[float, float]] = {}
    for name, seen in ends.items():
        lows, highs = np.array(seen).T
        low, high = (lows.mean(), highs.mean()) if clips else (lows.min(), highs.max())
        found[name] = (min(float(low), 0.0), max(float(high), _SMALLEST))
    return found


def _rounded(edit: GraphEdit, name: str, low: float, high: float, *, has_zero_point: bool) -> str:
    """A tensor of floats in 256 steps; without a zero point they lie alike on both sides of 0 where it has both."""
    if low == 0 or has_zero_point:
        step = (high - low) / 255
        scale, zero = edit.constant(step, np.float32), edit.constant(round(-low / step), np.uint8)
    else:
        scale, zero = edit.constant(max(-low / 128, high / 127), np.float32), edit.constant(0, np.int8)
    return edit.node("DequantizeLinear", edit.node("QuantizeLinear", name, scale, zero), scale, zero)


def _rounded_weights(edit: GraphEdit, node: onnx.NodeProto, weights: npt.NDArray[np.float32]) -> str:
    """A layer's weights in 255 steps, with a scale for each output channel."""
    axis = 0 if node.op_type == "Conv" or _is_transposed(node) else weights.ndim - 1
    others = tuple(each for each in range(weights.ndim) if each != axis)
    scales = np.maximum(np.abs(weights).max(others, keepdims=True) / 127, _SMALLEST)
    steps = edit.constant(np.rint(weights / scales), np.int8)
    scale = edit.constant(scales.ravel(), np.float32)
    return edit.node("DequantizeLinear", steps, scale, edit.constant(np.zeros(scales.size), np.int8), axis=axis)


def _is_transposed(node: onnx.NodeProto) -> bool:
    return bool(node.op_type == "Gemm" and any(each.name == "transB" and each.i for each in node.attribute))


def float_nodes(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that stay in floats: all but dense layers with weights, and of those the stem's and gates'.

    Args:
        model: a network without `Identity` nodes, each node with a name.
    """
    constants = Constants(model.graph)
    layers = {
        node.name
        for node in model.graph.node
        if node.op_type in _LAYERS and _groups(node) == 1 and constants.value(node.input[1]) is not None
    }
    layers -= {*pipeline_nodes(model), *_gates(model.graph, constants), *_stem(model.graph)}
    return [node.name for node in model.graph.node if node.name not in layers]


def _stem(graph: onnx.GraphProto) -> set[str]:
    """Names of the nodes that the first depthwise convolution is computed from; none where no layer is depthwise.

    A network of the MobileNet kind (Howard et al., arXiv:1704.04861) begins with a few dense convolutions.
    """
    makers = {name: node for node in graph.node for name in node.output}
    waiting = [node.input[0] for node in graph.node if _groups(node) > 1][:1]
    found: set[str] = set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in found:
            found.add(node.name)
            waiting += node.input
    return found


def _groups(node: onnx.NodeProto) -> int:
    return next((each.i for each in node.attribute if each.name == "group" and node.op_type == "Conv"), 1)


def _gates(graph: onnx.GraphProto, constants: Constants) -> set[str]:
    """Names of the nodes from the layer that a gate is made of to the product of both.

    Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018.
    """
    makers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    means = [node for node in graph.node if _takes_image_mean(node, constants)]
    found: set[str] = set()
    waiting = list(means)
    while waiting:  # on to the product
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [after for name in node.output for after in readers.get(name, []) if after.op_type in _IN_GATES]
    before = [node.input[0] for node in means]
    while before:  # and back to the layer
        maker = makers.get(before.pop())
        if maker is not None and maker.name not in found and maker.op_type in (*_LAYERS, *_BEHIND_LAYERS):
            found.add(maker.name)
            before += maker.input if maker.op_type in _BEHIND_LAYERS else []
    return found


def _takes_image_mean(node: onnx.NodeProto, constants: Constants) -> bool:
    if node.op_type != "ReduceMean":
        return bool(node.op_type == "GlobalAveragePool")
    axes = next((each.ints for each in node.attribute if each.name == "axes"), None)  # an input from opset 18 on
    given = constants.value(node.input[1]) if axes is None and len(node.input) > 1 else axes
    return given is not None and sorted(int(axis) % 4 for axis in given) == [2, 3]


def _without_identities(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network without `Identity` nodes, a name for each other node.

    PaddlePaddle's exporter writes one after most layers, and they would hide which layer feeds which.
    """
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    outputs = {output.name for output in plain.graph.output}
    idle = [node for node in plain.graph.node if node.op_type == "Identity" and node.output[0] not in outputs]
    source = {node.output[0]: node.input[0] for node in idle}
    for node in idle:
        plain.graph.node.remove(node)
    for index, node in enumerate(plain.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
        for place, name in enumerate(node.input):
            while name in source:
                name = source[name]  # noqa: PLW2901 - the way back
            node.input[place] = name
    return plain


def _modern(model: onnx.ModelProto) -> onnx.ModelProto:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if max(versions) >= _OPSET:
        return model
    try:
        return onnx.version_converter.convert_version(model, _OPSET)
    except RuntimeError as error:
        raise BuildError(
            f"INT8 needs opset {_OPSET}; the network, of {max(versions)}, cannot be raised to it: {error}"
        ) from None
