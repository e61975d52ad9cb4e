"""A network that is another model of the repository: a TensorRT plan, asked with batches that follow from the crops.

A plan as a step of the ensemble would get all crops of an image as one tensor, padded to the longest of them, and a
recognizer with attention over the whole width reads a crop differently with more padding behind it: of 31 lines of
`samples/storefront.jpg` 10 lost a space. So a step groups the crops by width, as on a CPU, and asks the plan for each
group; Triton batches what is of one width across requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ocdrnet_triton.bls import call_model_outputs
from ocdrnet_triton.engines.pool import InferencePool


class PlanNetwork:
    """A model of the repository as a network: as many of its batches are asked for at once as there are streams."""

    def __init__(self, model: str, outputs: Sequence[str], streams: int) -> None:
        """Ask nothing yet: Triton lets a model ask others only once it is loaded.

        Args:
            model: its name.
            outputs: names of the tensors to return.
            streams: batches in flight at the most.
        """
        self._model = model
        self._outputs = list(outputs)
        self._streams = InferencePool(streams, "plan")

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> list[dict[str, npt.NDArray[Any]]]:
        """Outputs by name of every input, in the order of the inputs.

        Args:
            inputs: uint8 [n, h, w, 3] each; shapes may differ.
            more: other inputs by name, the same for all.

        Raises:
            RuntimeError: the model answered with an error.
        """
        return self._streams.map(lambda batch: self._ask({"input": batch, **(more or {})}), inputs)

    def _ask(self, inputs: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        return call_model_outputs(self._model, inputs, self._outputs)
