"""Every `ocdrnet_ops` function that lies on an image's way through the served pipeline, with what it gets there."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.in_process import COLUMNS, LIMITS, MAX_TILES, Pair, Trace
from ocdrnet_ops.answer.lines import decode_lines
from ocdrnet_ops.answer.merge import merge_lines
from ocdrnet_ops.detection.closer_look import Detector
from ocdrnet_ops.detection.dbnet import detect_boxes
from ocdrnet_ops.detection.detect import detect_text, looks_rotated
from ocdrnet_ops.detection.tile_merging import merge_maps
from ocdrnet_ops.detection.tiles import detector_tiles
from ocdrnet_ops.geometry.crop import crop_lines, crop_widths
from ocdrnet_ops.geometry.text_outline import outline_quads
from ocdrnet_ops.image.decode import decode_image
from ocdrnet_ops.layout.paragraphs import paragraphs
from ocdrnet_ops.layout.reading_order import reading_order
from ocdrnet_ops.recognition.crossing import run_down
from ocdrnet_ops.recognition.decoding import DecodedLine, decode_ctc_lines
from ocdrnet_ops.recognition.line_flip import lines_to_turn, score_readings, turn_crops
from ocdrnet_ops.recognition.width_groups import group_by_width
from ocdrnet_ops.recognition.words import split_words, word_quads

Call = Callable[[], Any]


@dataclass(frozen=True)
class StepFunction:
    """One function, ready to be called on one image's data.

    Attributes:
        model: the Triton step that calls it.
        name: of the function; `a > b` is a part of what `a` was timed for.
        call: without arguments.
    """

    model: str
    name: str
    call: Call


def step_functions(trace: Trace, pair: Pair) -> list[StepFunction]:
    """The functions on one image's data, in the order of the pipeline."""
    return [*_seeing(trace, pair), *_cropping(trace, pair), *_reading(trace, pair)]


def median_ms(call: Call, rounds: int) -> float:
    """Median duration in milliseconds, after one call that does not count."""
    call()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000


def _seeing(trace: Trace, pair: Pair) -> list[StepFunction]:
    card, size, settings = pair.detector_card, trace.image_size, trace.settings
    merge = partial(merge_maps, trace.maps, trace.seen.map_transforms, size, settings)
    merged, map_transform = merge()
    quads = outline_quads(trace.found.boxes)
    detect = partial(detect_text, trace.seen, trace.maps, size, settings, "off", Detector(card, _never, 1))
    step = "dbnet_postprocess"
    return [
        StepFunction("image_preprocess", "decode_image", partial(decode_image, trace.encoded, LIMITS)),
        StepFunction(
            "image_preprocess",
            "detector_tiles",
            partial(detector_tiles, trace.pixels, card, None, "auto", MAX_TILES),
        ),
        StepFunction(step, "detect_text", detect),
        StepFunction(step, "detect_text > merge_maps", merge),
        StepFunction(step, "detect_text > detect_boxes", partial(detect_boxes, merged, map_transform, size, settings)),
        StepFunction(step, "looks_rotated", partial(looks_rotated, quads)),
    ]


def _cropping(trace: Trace, pair: Pair) -> list[StepFunction]:
    card, count = pair.recognizer_card, len(trace.found.boxes)
    widths, down = trace.crops.widths[:count, 0], run_down(trace.found.boxes)
    first, turned = trace.first, trace.second.lines
    found = [
        StepFunction("text_crop", "crop_lines", partial(crop_lines, trace.pixels, trace.found.boxes, card)),
        StepFunction("text_crop", "crop_lines > crop_widths", partial(crop_widths, trace.found.boxes, card)),
        StepFunction("ocrnet", "group_by_width", partial(group_by_width, widths, COLUMNS)),
        StepFunction(
            "text_turn",
            "score_readings",
            partial(score_readings, first.ids[:count], first.probabilities[:count], widths, card),
        ),
        StepFunction("text_turn", "lines_to_turn", partial(lines_to_turn, trace.rated, widths, down, "auto")),
    ]
    if len(turned):
        turn = partial(turn_crops, trace.crops.pixels[turned], widths[turned])
        found.append(StepFunction("text_turn", "turn_crops", turn))
    return found


def _reading(trace: Trace, pair: Pair) -> list[StepFunction]:
    card, size = pair.recognizer_card, trace.image_size
    decode = partial(decode_lines, trace.candidates, trace.first, trace.second, size, card, card.min_text_score)
    decoded, step = _decode_all(trace, pair), "text_decode"
    widths = (trace.crops.widths[: len(decoded), 0] / card.stride).tolist()
    return [
        StepFunction(step, "decode_lines", decode),
        StepFunction(step, "decode_lines > decode_ctc_lines", partial(_decode_all, trace, pair)),
        StepFunction(step, "decode_lines > split_words", partial(_split_all, decoded, widths)),
        StepFunction(step, "decode_lines > word_quads", partial(_quads_all, trace, decoded, widths)),
        StepFunction(step, "decode_lines > reading_order", partial(reading_order, trace.lines.boxes)),
        StepFunction(step, "decode_lines > paragraphs", partial(paragraphs, trace.lines.boxes)),
        StepFunction(step, "merge_lines", partial(merge_lines, trace.lines, "line", "quad")),
    ]


def _decode_all(trace: Trace, pair: Pair) -> list[DecodedLine]:
    scores, card = trace.rated.scores.tolist(), pair.recognizer_card
    ids, probabilities = trace.first.ids[: len(scores)], trace.first.probabilities[: len(scores)]
    ends = np.ceil(trace.crops.widths[: len(scores), 0] / card.stride).astype(np.int64)
    return decode_ctc_lines(ids, probabilities, ends, scores, card.characters)


def _split_all(decoded: list[DecodedLine], steps: list[float]) -> None:
    for line, width in zip(decoded, steps, strict=True):
        split_words(line, width)


def _quads_all(trace: Trace, decoded: list[DecodedLine], steps: list[float]) -> None:
    for outline, line, width in zip(trace.found.boxes, decoded, steps, strict=True):
        word_quads(outline, split_words(line, width))


def _never(_: object) -> Any:  # noqa: ANN401
    raise AssertionError("with upside_down off the detector is not asked again")
