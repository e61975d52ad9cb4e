"""Triton's own counters of each model: what a measured stretch added to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StepTimes:
    """What one model has done, in all.

    Attributes:
        requests: answered.
        executions: batches run.
        queue_ns: requests waited.
        input_ns: preparing inputs, over all requests.
        infer_ns: computing, likewise.
        output_ns: handing out, likewise.
    """

    requests: int
    executions: int
    queue_ns: int
    input_ns: int
    infer_ns: int
    output_ns: int

    def since(self, before: StepTimes) -> StepTimes:
        """What came after an earlier look."""
        return StepTimes(*(now - then for now, then in zip(_values(self), _values(before), strict=True)))


def step_times(grpc_url: str) -> dict[str, StepTimes]:
    """The counters of every model of a server.

    Args:
        grpc_url: `grpc://HOST:PORT`, or without the scheme.
    """
    from tritonclient.grpc import InferenceServerClient  # noqa: PLC0415 - gRPC is loaded where it is used

    client = InferenceServerClient(grpc_url.removeprefix("grpc://"))
    try:
        return parse_statistics(client.get_inference_statistics(as_json=True))
    finally:
        client.close()


def parse_statistics(answer: dict[str, Any]) -> dict[str, StepTimes]:
    """Counters by model name; protobuf's JSON writes 64-bit numbers as text and leaves out zeros."""
    return {model["name"]: _times(model) for model in answer.get("model_stats", [])}


def _times(model: dict[str, Any]) -> StepTimes:
    parts = model.get("inference_stats", {})
    queue, taken, computed, given = (
        int(parts.get(name, {}).get("ns", 0)) for name in ("queue", "compute_input", "compute_infer", "compute_output")
    )
    requests = int(parts.get("success", {}).get("count", 0))
    return StepTimes(requests, int(model.get("execution_count", 0)), queue, taken, computed, given)


def _values(times: StepTimes) -> tuple[int, ...]:
    return (times.requests, times.executions, times.queue_ns, times.input_ns, times.infer_ns, times.output_ns)
