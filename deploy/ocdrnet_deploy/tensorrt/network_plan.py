"""A plan that is wanted, with what its config.pbtxt must say: known before the plan is built."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from ocdrnet_deploy.errors import BuildError, NetworkError
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.tensorrt.cache import PlanRequest
from ocdrnet_deploy.tensorrt.command import PlanPrecision
from ocdrnet_deploy.tensorrt.shapes import GROUPED_CROPS, ShapeRange, detector_shapes, recognizer_shapes
from ocdrnet_ops.recognition.width_groups import BATCH_SIZES

# TensorRT runs these as loops or with sizes known only at run time, and a CUDA graph can hold neither.
_NOT_CAPTURABLE = frozenset({"LSTM", "GRU", "RNN", "Loop", "Scan", "If", "NonZero"})


@dataclass(frozen=True)
class NetworkPlan:
    """A plan's contract.

    Attributes:
        request: from which the plan is found or built.
        output_dims: of each output in the config's order, without the batch; -1 where a dimension is free.
        is_capturable: whether a CUDA graph can hold it.
    """

    request: PlanRequest
    output_dims: tuple[tuple[int, ...], ...]
    is_capturable: bool

    @property
    def shapes(self) -> ShapeRange:
        """The optimization profile."""
        return self.request.shapes


def detector_plan(detector: PreparedDetector, batch: int, precision: PlanPrecision) -> NetworkPlan:
    """The plan of a detector.

    Args:
        detector: adapted for TensorRT.
        batch: images a run at most; less where the network takes fewer.
        precision: of the plan.
    """
    shapes = detector_shapes(detector.card, min(batch, detector.max_batch or batch))
    request = PlanRequest(f"detector {detector.card.name}", detector.model, shapes, precision)
    return NetworkPlan(request, ((1, *shapes.dims[:2]),), _is_capturable(detector.model))


def recognizer_plan(recognizer: PreparedRecognizer, batch: int, precision: PlanPrecision) -> NetworkPlan:
    """The plan of a recognizer.

    Args:
        recognizer: adapted for TensorRT.
        batch: crops a run at most, where their width is fixed; where it is free, an image's crops come in groups of one
            width, and a run takes those of several images.
        precision: of the plan.

    Raises:
        BuildError: the network takes fewer crops, or its time steps are not to be found.
    """
    least = batch if recognizer.card.width else max(BATCH_SIZES)
    if recognizer.max_batch and recognizer.max_batch < least:
        raise BuildError(
            f"recognizer {recognizer.card.name} takes {recognizer.max_batch} crops a run; a plan gets up to {least} of "
            "an image at once. Use --engine cuda, which splits them; or lower --max-candidates where the width is fixed"
        )
    if not recognizer.card.width:
        batch = min(GROUPED_CROPS, recognizer.max_batch or GROUPED_CROPS)
    shapes = recognizer_shapes(recognizer.card, batch)
    steps = time_steps(recognizer, shapes)
    request = PlanRequest(f"recognizer {recognizer.card.name}", recognizer.model, shapes, precision)
    return NetworkPlan(request, ((steps,), (steps,)), _is_capturable(recognizer.model))


def time_steps(recognizer: PreparedRecognizer, shapes: ShapeRange) -> int:
    """Time steps of a crop of fixed width; -1 where the width is free.

    Raises:
        NetworkError: neither the card nor the graph tells them.
    """
    if not shapes.is_fixed:
        return -1
    steps = recognizer.card.time_steps or _inferred_steps(recognizer.model, shapes)
    if not steps:
        raise NetworkError(
            f"recognizer {recognizer.card.name}: its graph does not tell how many time steps a crop of "
            f"{recognizer.card.width} pixels has, and a plan's config must. Say it in the card: time_steps"
        )
    return steps


def _inferred_steps(model: onnx.ModelProto, shapes: ShapeRange) -> int:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for dim, size in zip(copy.graph.input[0].type.tensor_type.shape.dim, shapes.least, strict=True):
        dim.dim_value = size
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")  # a name there, such as T, would keep the number out
    inferred = onnx.shape_inference.infer_shapes(copy, data_prop=True)
    shape = inferred.graph.output[0].type.tensor_type.shape
    return int(shape.dim[1].dim_value) if len(shape.dim) > 1 else 0


def _is_capturable(model: onnx.ModelProto) -> bool:
    return _NOT_CAPTURABLE.isdisjoint(node.op_type for node in model.graph.node)
