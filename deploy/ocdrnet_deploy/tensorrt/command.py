"""The `trtexec` command that makes a plan, for each generation of TensorRT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx

from ocdrnet_deploy.precision.half import half_precision, kept_float_nodes
from ocdrnet_deploy.tensorrt.shapes import Shape, ShapeRange
from ocdrnet_deploy.tensorrt.version import TensorRtVersion

PlanPrecision = Literal["fp32", "fp16"]


@dataclass(frozen=True)
class PlanFiles:
    """Where a build reads and writes.

    Attributes:
        graph: the ONNX file.
        plan: the file that `trtexec` writes.
        timing_cache: of kernels, kept between builds: the next one measures only what is new.
    """

    graph: Path
    plan: Path
    timing_cache: Path


def graph_for(model: onnx.ModelProto, precision: PlanPrecision, version: TensorRtVersion) -> onnx.ModelProto:
    """The graph to build from: with FP16 in it, unless this TensorRT chooses precisions itself.

    Raises:
        BuildError: onnxconverter-common is missing.
    """
    if precision == "fp32" or version.typing == "flag-fp16":
        return model
    return half_precision(model)


def precision_flags(model: onnx.ModelProto, precision: PlanPrecision, version: TensorRtVersion) -> list[str]:
    """What tells `trtexec` the precision.

    TensorRT 11 removed `--fp16` and takes types from the graph; 10.12 to 10.x does so with `--stronglyTyped`. Before,
    `--fp16` lets TensorRT choose, and the nodes that need FP32 are named: `prefer`: an unsupported wish is no error.

    Args:
        model: the adapted graph, in FP32.
        precision: of the plan.
        version: of TensorRT.
    """
    if version.typing == "always" or precision == "fp32":
        return []
    if version.typing == "flag-strongly-typed":
        return ["--stronglyTyped"]
    kept = [f"{name}:fp32" for name in kept_float_nodes(model) if not set(name) & set(",:")]  # trtexec's separators
    return ["--fp16", "--precisionConstraints=prefer", f"--layerPrecisions={','.join(kept)}"]


def build_command(trtexec: Path, files: PlanFiles, shapes: ShapeRange, flags: Sequence[str]) -> list[str]:
    """The whole command; it stops when the plan is written, without the measurement that trtexec is named for."""
    return [
        str(trtexec),
        f"--onnx={files.graph}",
        f"--saveEngine={files.plan}",
        f"--minShapes={_spec(shapes.least)}",
        f"--optShapes={_spec(shapes.tuned)}",
        f"--maxShapes={_spec(shapes.most)}",
        f"--timingCacheFile={files.timing_cache}",
        "--skipInference",
        *flags,
    ]


def _spec(shape: Shape) -> str:
    return "input:" + "x".join(map(str, shape))
