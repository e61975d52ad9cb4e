"""Bytes that one image moves between the ensemble's steps, by the tensors that its config names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.in_process import Trace

Tensors = Mapping[str, int]


def tensor_bytes(trace: Trace) -> dict[str, int]:
    """Size of each tensor of the ensemble by its name there; the answer's own are counted together as `ANSWER`."""
    lines, again = trace.lines, trace.turned_crops
    numbers = [lines.boxes, lines.polygons, lines.box_scores, lines.scores, lines.paragraphs, lines.word_boxes]
    texts = sum(len(text.encode()) + 4 for text in [*lines.texts, *lines.word_texts])  # 4: each one's length
    return {
        "IMAGE": len(trace.encoded),
        "ORIGINAL": trace.pixels.nbytes,
        "DETECTOR_INPUT": trace.seen.tiles.nbytes,
        "TILES": trace.seen.map_transforms.nbytes,
        "DETAIL": trace.seen.detail.nbytes,
        "IMAGE_SIZE": 8,
        "PRED": trace.maps.nbytes,
        "CANDIDATES": trace.found.boxes.nbytes,
        "CANDIDATE_SCORES": trace.found.scores.nbytes,
        "CROPS": trace.crops.pixels.nbytes,
        "CROP_WIDTHS": trace.crops.widths.nbytes,
        "OUTPUT_ID": trace.first.ids.nbytes,
        "OUTPUT_PROB": trace.first.probabilities.nbytes,
        "TURNED": trace.second.lines.nbytes,
        "TURNED_CROPS": again.pixels.nbytes,
        "TURNED_WIDTHS": again.widths.nbytes,
        "TURNED_ID": trace.second.ids.nbytes,
        "TURNED_PROB": trace.second.probabilities.nbytes,
        "ANSWER": _nbytes(numbers) + _nbytes([lines.word_scores, lines.word_lines]) + texts,
    }


def step_bytes(sizes: Tensors, ensemble: Any) -> dict[str, tuple[int, int]]:  # noqa: ANN401 - a protobuf message
    """Bytes into and out of each step, by model name; a model that two steps call has both.

    Args:
        sizes: of the tensors, in bytes.
        ensemble: the `ensemble_scheduling` of the served repository's config.
    """
    moved: dict[str, tuple[int, int]] = {}
    for step in ensemble.step:
        taken, given = moved.get(step.model_name, (0, 0))
        taken += sum(sizes.get(name, 0) for name in step.input_map.values())
        given += sum(sizes.get(name, 0) for name in step.output_map.values())
        if "TEXTS" in step.output_map.values():
            given += sizes["ANSWER"]
        moved[step.model_name] = taken, given
    return moved


def _nbytes(arrays: Iterable[Any]) -> int:
    return sum(array.nbytes for array in arrays)
