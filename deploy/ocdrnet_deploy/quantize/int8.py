"""Convolutions and matrix products in INT8, by NNCF's post-training quantization.

The graph stays ONNX, with QuantizeLinear and DequantizeLinear around what is computed in 8 bits, placed where OpenVINO
fuses them. ONNX Runtime's own quantizer placed them so that the default networks became slower than they were.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.version_converter

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.quantize.calibration import calibration_images, network_inputs
from ocdrnet_deploy.tensorrt.half import pipeline_nodes
from ocdrnet_triton.quiet_openvino import openvino as ov

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
