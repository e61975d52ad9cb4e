"""How well icdar2015-dev is read in process with either post-processing, everything else being the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.in_process import Array, Find, Pair, Trace, read_in_process
from benchmarks.report import Cell
from benchmarks.usual_postprocess import usual_boxes
from ocdrnet_evaluation.datasets import LAYOUTS, Case, Region, load_dataset
from ocdrnet_evaluation.figures import ImageResult, summarize
from ocdrnet_evaluation.scoring import score_regions
from ocdrnet_ops.detection.closer_look import Detector
from ocdrnet_ops.detection.dbnet import DbnetSettings, Detections
from ocdrnet_ops.detection.detect import detect_text
from ocdrnet_ops.detection.tile_merging import merge_maps
from ocdrnet_ops.geometry.quads import order_from_text_top_left
from ocdrnet_ops.image.resize import DetectorInput
from ocdrnet_ops.layout.reading_order import reading_order

OFF = "off"  # an image on its side is not looked for: the usual form has no such step


def accuracy_row(name: str, images: Path, pair: Pair, limit: int | None) -> tuple[Cell, ...]:
    """Figures of the set with one post-processing.

    Args:
        name: `ocdrnet_ops` or `usual`.
        images: the set's folder of images, `truth` beside it.
        pair: the networks.
        limit: images at most.
    """
    cases = load_dataset(LAYOUTS["icdar2015"], images, images.parent / "truth").cases[:limit]
    finders: dict[str, Find] = {"ocdrnet_ops": _upright, "usual": _usual}
    figures = summarize(list(_results(cases, pair, finders[name])))
    return (
        name,
        figures["images"],
        figures["detection"]["hmean"],
        figures["end_to_end"]["hmean"],
        figures["bag_of_words"]["f1"],
        figures["character_error_rate"],
    )


def _results(cases: Iterable[Case], pair: Pair, find: Find) -> Iterable[ImageResult]:
    for case in cases:
        trace = read_in_process(case.image.read_bytes(), pair, find)
        yield ImageResult(case.name, case.image, score_regions(case.regions, _words(trace)))


def _words(trace: Trace) -> tuple[Region, ...]:
    pairs: list[tuple[str, Any]] = list(zip(trace.lines.word_texts, trace.lines.word_boxes.tolist(), strict=True))
    return tuple(Region(text, tuple((x, y) for x, y in box)) for text, box in pairs)


def _upright(
    seen: DetectorInput, maps: Array, size: tuple[int, int], settings: DbnetSettings, _: str, detector: Detector
) -> Detections:
    return detect_text(seen, maps, size, settings, OFF, detector)


def _usual(seen: DetectorInput, maps: Array, size: tuple[int, int], settings: DbnetSettings, *_: object) -> Detections:
    merged, map_transform = merge_maps(maps, seen.map_transforms, size, settings)
    boxes, scores = usual_boxes(merged, map_transform, settings)
    boxes = order_from_text_top_left(boxes)
    order = reading_order(boxes)
    return Detections(boxes[order], scores[order], False)
