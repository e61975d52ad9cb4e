"""A network on this machine, whichever engine runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

# How the names of nodes begin that no engine may compute in less than 32-bit floats, in graphs of `models build`.
FLOAT32 = "ocdrnet_float32_"


@dataclass(frozen=True)
class Placement:
    """How a network uses the machine.

    Attributes:
        threads: cores in all; 0 takes every one that this process may run on.
        streams: jobs computed at the same time, each with its share of the threads.
        graphs: shapes of input that may have a graph of their own; for OpenVINO.
    """

    threads: int = 0
    streams: int = 1
    graphs: int = 0


class Network(Protocol):
    """A compiled network that runs lists of inputs."""

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, npt.NDArray[Any]] | None = None
    ) -> list[dict[str, npt.NDArray[Any]]]:
        """Outputs by name of every input, in the order of the inputs.

        Args:
            inputs: uint8 [n, h, w, 3] each; shapes may differ.
            more: other inputs by name, the same for all.
        """
        ...
