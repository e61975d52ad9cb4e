"""Which Triton serves: the versions of NVIDIA's container that the project knows of, in this one place.

The Dockerfile, the chart's documents and `docs/` repeat the first two; a test holds them to these.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ocdrnet_deploy.errors import BuildError

DEFAULT = "26.11"  # that the GPU image is made on
FLOOR = "26.07"  # the oldest to be exposed: before, published faults let callers read and write memory
PIP = "24.10"  # Triton 2.51, which nvidia-pytriton carries; for this machine alone

# The first with one limit for all requests of an ensemble together (triton-inference-server/core#482). The field is
# older; it counted the responses to a single request.
LIMITS_IN_FLIGHT = "26.04"

_VARIABLE = "NVIDIA_TRITON_SERVER_VERSION"  # NVIDIA's image says so of itself
_VERSION = re.compile(r"\d\d\.\d\d")


def target_triton(engine: str, named: str | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """The Triton that a repository is built for.

    Args:
        engine: plans are served in NVIDIA's container, the others by the pip package's Triton, if nothing else is said.
        named: by the user.
        environment: NVIDIA's container says which it is.

    Returns:
        The version as NVIDIA numbers its containers, such as 26.11.

    Raises:
        BuildError: the named one is no such number.
    """
    if named is not None and not _VERSION.fullmatch(named):
        raise BuildError(f"--triton is {named!r}; it wants the number of NVIDIA's container, such as {DEFAULT}")
    here = environment.get(_VARIABLE, "")
    own = here if _VERSION.fullmatch(here) else DEFAULT if engine == "tensorrt" else PIP
    return named or own


def knows_in_flight_limit(version: str) -> bool:
    """Whether that Triton takes `max_inflight_requests` of an ensemble as a limit for all of its requests."""
    return version >= LIMITS_IN_FLIGHT
