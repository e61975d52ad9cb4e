"""One model of the repository asks another, in the rare case that the ensemble's steps do not foresee."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import triton_python_backend_utils as pb_utils


def ask_model(model: str, inputs: dict[str, npt.NDArray[Any]], output: str) -> npt.NDArray[Any]:
    """One output of another model, over Triton's own queue and batcher.

    Args:
        model: its name in the repository.
        inputs: arrays by tensor name.
        output: name of the tensor to return.

    Raises:
        RuntimeError: the model answered with an error.
    """
    tensors = [pb_utils.Tensor(name, array) for name, array in inputs.items()]
    response = pb_utils.InferenceRequest(
        model_name=model,
        requested_output_names=[output],
        inputs=tensors,
        preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU),  # a plan answers on the GPU
    ).exec()
    if response.has_error():
        raise RuntimeError(f"{model} answered: {response.error().message()}")
    array: npt.NDArray[Any] = pb_utils.get_output_tensor_by_name(response, output).as_numpy()
    return array
