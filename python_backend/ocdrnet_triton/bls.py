"""One model of the repository asks another, in the rare case that the ensemble's steps do not foresee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils


def call_model(model: str, inputs: dict[str, npt.NDArray[Any]], output: str) -> npt.NDArray[Any]:
    """One output of another model, as of `call_model_outputs`."""
    return call_model_outputs(model, inputs, [output])[output]


def call_model_outputs(
    model: str, inputs: dict[str, npt.NDArray[Any]], outputs: Sequence[str]
) -> dict[str, npt.NDArray[Any]]:
    """Outputs of another model by name, over Triton's own queue and batcher; any thread may ask.

    Args:
        model: its name in the repository.
        inputs: arrays by tensor name.
        outputs: names of the tensors to return.

    Raises:
        RuntimeError: the model answered with an error.
    """
    tensors = [pb_utils.Tensor(name, array) for name, array in inputs.items()]
    response = pb_utils.InferenceRequest(
        model_name=model,
        requested_output_names=list(outputs),
        inputs=tensors,
        preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU),  # a plan answers on the GPU
    ).exec()
    if response.has_error():
        raise RuntimeError(f"{model} answered: {response.error().message()}")
    # Copies: the memory is the response's, and ends with it.
    return {name: np.array(pb_utils.get_output_tensor_by_name(response, name).as_numpy()) for name in outputs}
