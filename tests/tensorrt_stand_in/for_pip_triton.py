"""A repository for the Triton of the pip package on a machine without a GPU, from one that is for a GPU.

The one place that changes anything between what `models build` writes and what the tests load.
`python for_pip_triton.py REPOSITORY` does it in place and prints what was changed.
"""

import sys
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

KIND = model_config_pb2.ModelInstanceGroup


def adapt_repository(folder):
    """Change the configs in place; returns what was changed, a line each, sorted."""
    changed = []
    for path in sorted(Path(folder).glob("*/config.pbtxt")):
        config = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
        own = [*_without_gpu(config), *_without_new_fields(config), *_without_cuda(config)]
        if own:
            path.write_text(text_format.MessageToString(config))
        changed += [f"{config.name}: {line}" for line in own]
    return changed


def _without_gpu(config):
    """Triton refuses KIND_GPU where it sees none."""
    for group in config.instance_group:
        if group.kind == KIND.KIND_GPU:
            group.kind = KIND.KIND_CPU
            yield "instance_group KIND_GPU is KIND_CPU"


def _without_new_fields(config):
    """Fields that Triton 2.51 does not know; it refuses the whole config for one."""
    if config.ensemble_scheduling.max_inflight_requests:
        config.ensemble_scheduling.max_inflight_requests = 0
        yield "max_inflight_requests is left out"


def _without_cuda(config):
    """ONNX Runtime's provider for GPUs, which needs one."""
    for name in ("providers", "providers_2"):  # the second's where there are two recognizers
        providers = config.parameters[name].string_value if name in config.parameters else ""
        if providers == "CUDAExecutionProvider":
            config.parameters[name].string_value = "CPUExecutionProvider"
            yield "provider CUDAExecutionProvider is CPUExecutionProvider"


if __name__ == "__main__":
    print("\n".join(adapt_repository(sys.argv[1])))
