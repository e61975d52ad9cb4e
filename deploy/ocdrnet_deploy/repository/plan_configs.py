"""config.pbtxt of a network that is a TensorRT plan: exact dims, batching, placement, warm-up, CUDA graphs."""

from __future__ import annotations

from collections.abc import Sequence

from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.repository.configs import ModelConfig
from ocdrnet_deploy.repository.profile import TensorRtProfile
from ocdrnet_deploy.tensorrt.network_plan import NetworkPlan
from ocdrnet_deploy.tensorrt.shapes import ShapeRange


def place_plan(config: ModelConfig, plan: NetworkPlan, profile: TensorRtProfile) -> None:
    """Turn the config of a network in the Python backend into that of a plan.

    A plan's fixed dims must stand in it exactly, and -1 where its profile has a range; all else is a matter of speed.

    Args:
        config: of `ocdnet` or `ocrnet`; its inputs but `input`, and its parameters, go.
        plan: of the network.
        profile: of the deployment.
    """
    config.ClearField("backend")
    config.ClearField("parameters")
    config.platform = "tensorrt_plan"
    config.max_batch_size = plan.shapes.max_batch
    del config.input[1:]
    config.input[0].allow_ragged_batch = False  # a plan's batch is one tensor: Triton merges only equal shapes then
    config.input[0].dims[:] = plan.shapes.dims
    for output, dims in zip(config.output, plan.output_dims, strict=True):
        output.dims[:] = dims
    _batch(config, plan.shapes, profile.queue_delay_us)
    config.instance_group.add(kind=model_config_pb2.ModelInstanceGroup.KIND_GPU, count=profile.instances)
    config.optimization.input_pinned_memory.enable = True
    config.optimization.output_pinned_memory.enable = True
    _warm_up(config, plan.shapes)
    if plan.is_capturable and plan.shapes.is_fixed:
        _capture(config, plan.shapes)


def _batch(config: ModelConfig, shapes: ShapeRange, delay_us: int) -> None:
    """Prefer the batch that the plan is tuned for; a plan of batch 1 has nothing to wait for."""
    config.ClearField("dynamic_batching")
    config.dynamic_batching.SetInParent()
    if shapes.max_batch > 1:
        config.dynamic_batching.preferred_batch_size.append(shapes.tuned_batch)
        config.dynamic_batching.max_queue_delay_microseconds = delay_us


def _warm_up(config: ModelConfig, shapes: ShapeRange) -> None:
    """Run before the model counts as ready: kernels load lazily, and the first caller would wait for them."""
    for batch in _batches(shapes):
        warmup = config.model_warmup.add(name=f"batch-{batch}", batch_size=batch)
        tensor = warmup.inputs["input"]
        tensor.data_type = model_config_pb2.TYPE_UINT8
        tensor.dims[:] = shapes.tuned[1:]
        tensor.random_data = True


def _capture(config: ModelConfig, shapes: ShapeRange) -> None:
    """CUDA graphs of the usual batches: hundreds of small kernels are then launched as one."""
    config.optimization.cuda.graphs = True
    for batch in _batches(shapes):
        spec = config.optimization.cuda.graph_spec.add(batch_size=batch)
        spec.input["input"].dim[:] = shapes.tuned[1:]


def _batches(shapes: ShapeRange) -> Sequence[int]:
    return sorted({1, shapes.tuned_batch})
