"""Whether ONNX Runtime can use this machine's GPU: asked before a repository is built for it."""

from __future__ import annotations

from typing import Any

import onnx
from onnx import TensorProto, helper

CUDA = "CUDAExecutionProvider"
INSTALL = "pip uninstall onnxruntime && pip install onnxruntime-gpu"


def cuda_refusal() -> str | None:
    """Why the engine `cuda` cannot be used here and what to do about it; None where it can.

    A provider that is compiled in may still lack CUDA's libraries or a GPU, and ONNX Runtime then takes the CPU with
    no more than a line in its log. So a session is made and asked.
    """
    try:
        import onnxruntime as ort  # noqa: PLC0415 - the engine may be missing, and that is an answer
    except ImportError:
        return f"the engine cuda needs ONNX Runtime for GPUs, which is not installed: {INSTALL}"
    if CUDA not in ort.get_available_providers():
        return f"this ONNX Runtime {ort.__version__} is built for the CPU alone: {INSTALL}"
    used, reason = _providers_used(ort)
    if CUDA not in used:
        return f"ONNX Runtime finds no GPU that it can use{reason}: check nvidia-smi, and CUDA's and cuDNN's versions"
    return None


def _providers_used(ort: Any) -> tuple[list[str], str]:  # noqa: ANN401 - a module
    """Providers of a session that asks for CUDA, and what kept it from opening."""
    try:
        session = ort.InferenceSession(_smallest_network(), providers=[CUDA, "CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has many classes, one for each status code
        return [], f" ({error})"
    return list(session.get_providers()), ""


def _smallest_network() -> bytes:
    """One Identity node."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = onnx.ModelProto.SerializeToString(model)
    return content
