"""Triton's Prometheus counters by model, and their growth over a step.

Source of the names: Triton's user guide, Metrics, "Inference Request Metrics".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from ocdrnet_loadtest.step_result import Batch, ModelStep

Counters: TypeAlias = Mapping[str, Mapping[str, float]]
Batches: TypeAlias = Mapping[str, Mapping[int, tuple[int, float]]]

_LINE = re.compile(r"(nv_inference_\w+)\{([^}]*)\}\s+([0-9.eE+-]+)")
_MODEL = re.compile(r'\bmodel="([^"]*)"')
_US = 1e-6


def parse_counters(text: str) -> dict[str, dict[str, float]]:
    """`nv_inference_*` of a metrics page: model, then metric without its prefix; summed over versions and reasons."""
    counters: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, labels, value in _LINE.findall(text):
        model = _MODEL.search(labels)
        if model:
            counters[model[1]][name.removeprefix("nv_inference_")] += float(value)
    return {model: dict(values) for model, values in counters.items()}


def pending(counters: Counters) -> int:
    """Requests that wait for an instance of any model."""
    return int(sum(values.get("pending_request_count", 0) for values in counters.values()))


def model_steps(
    before: Counters, after: Counters, batches_before: Batches, batches_after: Batches
) -> dict[str, ModelStep]:
    """Growth of each model's counters; a model that had no request is left out.

    Args:
        before: at the start of the step.
        after: at its end.
        batches_before: by model and batch size: executions and seconds, at the start; empty if unknown.
        batches_after: at the end.
    """
    steps = {
        model: _model_step(before.get(model, {}), now, _batches(batches_before, batches_after, model))
        for model, now in after.items()
    }
    return {model: step for model, step in steps.items() if step.requests or step.failures}


def _model_step(before: Mapping[str, float], after: Mapping[str, float], batches: tuple[Batch, ...]) -> ModelStep:
    def grown(name: str) -> float:
        # A server that was started anew counts from 0.
        growth = after.get(name, 0.0) - before.get(name, 0.0)
        return growth if growth >= 0 else after.get(name, 0.0)

    return ModelStep(
        requests=int(grown("request_success")),
        failures=int(grown("request_failure")),
        inferences=int(grown("count")),
        executions=int(grown("exec_count")),
        queue_s=grown("queue_duration_us") * _US,
        compute_input_s=grown("compute_input_duration_us") * _US,
        compute_infer_s=grown("compute_infer_duration_us") * _US,
        compute_output_s=grown("compute_output_duration_us") * _US,
        batches=batches,
    )


def _batches(before: Batches, after: Batches, model: str) -> tuple[Batch, ...]:
    earlier = before.get(model, {})
    grown = []
    for size, (executions, seconds) in sorted(after.get(model, {}).items()):
        past_executions, past_seconds = earlier.get(size, (0, 0.0))
        if executions > past_executions:
            grown.append(Batch(size, executions - past_executions, seconds - past_seconds))
    return tuple(grown)
