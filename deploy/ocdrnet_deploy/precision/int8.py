"""INT8 for the CPU: calibration images, and NNCF's post-training quantization.

Convolutions and matrix products in INT8, by NNCF's post-training quantization.

The graph stays ONNX, with QuantizeLinear and DequantizeLinear around what is computed in 8 bits, placed where OpenVINO
fuses them. ONNX Runtime's own quantizer placed them so that the default networks became slower than they were.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnx.version_converter

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.precision.half import pipeline_nodes
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.detection.dbnet import dbnet_settings, detect_boxes
from ocdrnet_ops.geometry.crop import crop_lines
from ocdrnet_ops.image.resize import detector_input
from ocdrnet_triton.engines.quiet_openvino import openvino as ov

Images = npt.NDArray[np.uint8]
Detect = Callable[[Images], npt.NDArray[Any]]

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_MAX_IMAGES = 64
_MAX_CROPS = 256
_WIDTH_STEP = 32
_SAMPLES = Path(__file__).parents[3] / "samples"  # in a checkout; an installed wheel has none


def calibration_images(folder: Path | None) -> list[Images]:
    """Images of a folder, uint8 [H, W, 3] BGR, the first 64 by name.

    Args:
        folder: of images like those that will be read; the checkout's `samples/` when left out.

    Raises:
        BuildError: there is no folder or no image in it.
    """
    where = folder or _SAMPLES
    paths = sorted(path for path in where.glob("*") if path.suffix.lower() in _SUFFIXES) if where.is_dir() else []
    images = [image for path in paths[:_MAX_IMAGES] if (image := cv2.imread(str(path))) is not None]
    if not images:
        raise BuildError(f"{where} has no image to calibrate INT8 on. Name a folder of images: --calibration DIR")
    return [image.astype(np.uint8, copy=False) for image in images]


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
    """At most 256, from all images alike."""
    return crops[:: max(1, -(-len(crops) // _MAX_CROPS))]


_OPSET = 17  # QuantizeLinear has a scale for each channel from 13 on; the default networks are written in 11


def quantize_pair(
    detector: PreparedDetector, recognizer: PreparedRecognizer, folder: Path | None
) -> tuple[PreparedDetector, PreparedRecognizer]:
    """Both networks in INT8.

    Args:
        detector: in FP32.
        recognizer: in FP32.
        folder: of calibration images; the checkout's samples when left out.

    Raises:
        BuildError: there are no images, NNCF is missing, or OpenVINO does not run the networks.
    """
    for network in (detector, recognizer):
        if network.runtime != "openvino":
            raise BuildError(f"INT8 is for networks that OpenVINO runs; {network.card.name} runs in {network.runtime}")
    compiled = _compiled(detector)
    images, crops = network_inputs(
        calibration_images(folder), lambda tile: compiled(tile)[0], detector.card, recognizer.card
    )
    if not crops:
        raise BuildError("the detector found no text in the calibration images. Name others: --calibration DIR")
    return (
        replace(detector, model=quantized(detector.model, images)),
        replace(recognizer, model=quantized(recognizer.model, crops)),
    )


def _compiled(detector: PreparedDetector) -> ov.CompiledModel:
    core = ov.Core()
    try:
        return core.compile_model(core.read_model(detector.model.SerializeToString()), "CPU")
    except RuntimeError as error:
        raise BuildError(f"OpenVINO does not run {detector.card.name}: {error}") from None


def quantized(model: onnx.ModelProto, inputs: Sequence[npt.NDArray[np.uint8]]) -> onnx.ModelProto:
    """A network with INT8 convolutions and matrix products; the pipeline's own nodes stay as they are.

    Args:
        model: an adapted network.
        inputs: uint8 [n, h, w, 3] each, that activations' ranges are taken from.

    Raises:
        BuildError: NNCF is missing, or the network's opset is too old and cannot be raised.
    """
    nncf = _nncf()
    with contextlib.redirect_stdout(sys.stderr):  # its progress bars; standard output is the command's answer
        result: onnx.ModelProto = nncf.quantize(
            _modern(model),
            nncf.Dataset([{"input": image} for image in inputs]),
            subset_size=len(inputs),
            ignored_scope=nncf.IgnoredScope(names=pipeline_nodes(model)),
        )
    return result


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


def _nncf() -> Any:  # noqa: ANN401 - types are not worth its import, which takes seconds
    try:
        import nncf  # noqa: PLC0415
    except ImportError:
        raise BuildError("INT8 needs NNCF: pip install 'ocdrnet[int8]'") from None
    logging.getLogger("nncf").setLevel(logging.ERROR)  # it tells of every node that it leaves alone
    return nncf
