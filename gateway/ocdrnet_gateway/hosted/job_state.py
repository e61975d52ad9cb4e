"""How a slow request stands, as it is kept in the store, so that every gateway on the store can tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from ocdrnet_gateway.problems import GatewayError

JOB_TYPE = "application/json"


@dataclass(frozen=True)
class JobState:
    """The state of a request that was answered 202. A success needs none: its result is in the store.

    Attributes:
        status: of the work.
        ends: seconds since 1970 by which it is over, whatever happens.
        code: HTTP status of a failure.
        detail: of a failure.
        headers: of a failure, such as `retry-after`.
    """

    status: Literal["running", "failed"]
    ends: float
    code: int = 500
    detail: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """As it is kept."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> JobState:
        """The inverse of `to_json`."""
        return cls(**json.loads(data))

    @classmethod
    def failed(cls, error: GatewayError, ends: float) -> JobState:
        """The state of a request that ended with an error."""
        return cls("failed", ends, error.status_code, str(error.detail), dict(error.headers or {}))
