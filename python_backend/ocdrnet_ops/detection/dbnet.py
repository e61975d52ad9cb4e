"""DBNet post-processing: probability map -> rotated boxes, or outlines along bent text.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization" (AAAI 2020), section 3.4: binarize, find
regions, score them, grow each by D' = A' * r' / L'. Done the fast exact way: regions too small to pass are dropped by
their bounding box, the score is a mean over a region's own pixels, and growing a rectangle with round joins by d and
taking the min-area rectangle again is the rectangle with both sides longer by 2d, so that no polygon is clipped. A
bent line then gets an outline of its own: in a rectangle it is read badly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.geometry.polygons import Contour, bent_outline, fills_rectangle
from ocdrnet_ops.geometry.quads import Quads, clip_quads, order_from_text_top_left, quad_sizes, rectangle_corners
from ocdrnet_ops.geometry.text_outline import Outlines, order_from_text_start, outline_quads, quad_outlines
from ocdrnet_ops.options import GEOMETRY, Options, choice

ProbabilityMap = npt.NDArray[np.uint8]

UNCLIPPED_MARGIN = 2  # a grown box must be this much larger than `min_size` (DBNet's reference post-processing)


@dataclass(frozen=True)
class DbnetSettings:
    """Thresholds of one image, see `DetectorCard` for their meaning and ranges, and the shape of its outlines."""

    binarize_threshold: float
    box_threshold: float
    unclip_ratio: float
    max_candidates: int
    min_size: int
    dilate: bool
    geometry: str = GEOMETRY.choices[0]


@dataclass(frozen=True)
class Detections:
    """Boxes of one image, in no particular order: `text_decode` puts the lines into reading order.

    Attributes:
        boxes: float32 [N, P, 2], original pixels: with P = 4, rectangles clockwise from the text's top-left; where a
            line is bent, or for polygons, outlines of `text_outline.POINTS` points on each side.
        scores: float32 [N], mean probability inside the region, 0..1.
        truncated: whether there were more regions than `max_candidates`.
    """

    boxes: Outlines
    scores: npt.NDArray[np.float32]
    truncated: bool


def dbnet_settings(card: DetectorCard, options: Options) -> DbnetSettings:
    """The card's thresholds, overridden by the request's options.

    Raises:
        OptionError: `max_candidates` is over the card's, which the recognizer's batch size was built for.
    """
    settings = DbnetSettings(
        card.binarize_threshold,
        card.box_threshold,
        card.unclip_ratio,
        card.max_candidates,
        card.min_size,
        card.dilate,
        choice(options, GEOMETRY),
    )
    names = {name: value for name, value in options.items() if name in DbnetSettings.__dataclass_fields__}
    settings = replace(settings, **names)  # type: ignore[arg-type]
    if settings.max_candidates > card.max_candidates:
        raise OptionError(
            f"max_candidates is {settings.max_candidates}; this repository was built for at most {card.max_candidates}"
        )
    return settings


def detect_boxes(
    probability: ProbabilityMap,
    map_transform: npt.NDArray[np.float32],
    image_size: tuple[int, int],
    settings: DbnetSettings,
) -> Detections:
    """Boxes of the text in one probability map.

    Args:
        probability: uint8 [h, w], the shrunk-text probability times 255.
        map_transform: float32 [4]: x0, y0, x-scale, y-scale from map to original pixels.
        image_size: width and height of the original in pixels; boxes outside it are dropped, those that stick out are
            left whole, so that their crops stay rectangles (`clip_quads` is for the answer).
        settings: thresholds.
    """
    rectangles, contours, scores, truncated = _shrunk_rectangles(probability, settings)
    grown, kept = _unclip(rectangles, settings)
    corners = rectangle_corners(grown[:, :2], grown[:, 2:4], grown[:, 4])
    boxes = order_from_text_top_left(_placed(corners, map_transform))
    outlines = _outlines(boxes, [contours[i] for i in np.flatnonzero(kept)], map_transform, settings)
    quads = outline_quads(outlines)
    inside = _are_inside(quads, image_size)
    return Detections(outlines[inside], scores[kept][inside], truncated)


def _placed(points: npt.NDArray[np.float32], map_transform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Points of the map in original pixels."""
    return np.asarray((points + 0.5) * map_transform[2:] + map_transform[:2], np.float32)  # pixel centers -> edges


def _outlines(
    quads: Quads, contours: list[Contour | None], map_transform: npt.NDArray[np.float32], settings: DbnetSettings
) -> Outlines:
    """Outlines of regions: of bent text along it, of all others their boxes; quads where none is bent."""
    found = {
        i: outline
        for i, contour in enumerate(contours)
        if contour is not None
        and (outline := bent_outline(contour, settings.unclip_ratio, settings.min_size)) is not None
    }
    bent = list(found)
    if not bent and settings.geometry == "quad":
        return quads
    outlines = quad_outlines(quads)
    if bent:
        along = np.stack(list(found.values()))
        outlines[bent] = order_from_text_start(_placed(along, map_transform))
    return outlines


def _are_inside(quads: Quads, image_size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Which boxes lie in the image with at least a pixel across."""
    return np.asarray(quad_sizes(clip_quads(quads, image_size)).min(axis=1) >= 1)


def _shrunk_rectangles(
    probability: ProbabilityMap, settings: DbnetSettings
) -> tuple[npt.NDArray[np.float32], list[Contour | None], npt.NDArray[np.float32], bool]:
    """Min-area rectangles of the regions that pass: float32 [N, 5] (x, y, w, h, degrees).

    The contours of those that may be bent, their scores, and whether there were too many.
    """
    threshold, smallest = int(settings.binarize_threshold * 255), settings.min_size  # p > t  <=>  u8 > floor(255 t)
    rectangles, scores = [], []
    contours: list[Contour | None] = []
    for contour in _contours(probability, threshold, settings):
        x, y, width, height = cv2.boundingRect(contour)
        # A rectangle's side is at most its bounding box's, which costs less to find.
        if width < smallest or height < smallest:
            continue
        center, (along, across), degrees = cv2.minAreaRect(contour)
        if along < smallest or across < smallest:
            continue
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [contour], (1,), cv2.LINE_8, 0, (-x, -y))
        score = cv2.mean(probability[y : y + height, x : x + width], mask)[0] / 255
        if score >= settings.box_threshold:
            rectangles.append((*center, along, across, degrees))
            contours.append(None if fills_rectangle(contour, along, across) else contour)
            scores.append(score)
    truncated = len(rectangles) > settings.max_candidates
    if truncated:  # the largest survive: what is lost is the smallest print
        areas = [width * height for _, _, width, height, _ in rectangles]
        keep = sorted(np.argsort(areas)[::-1][: settings.max_candidates])
        rectangles, contours, scores = ([part[i] for i in keep] for part in (rectangles, contours, scores))
    return np.array(rectangles, np.float32).reshape(-1, 5), contours, np.array(scores, np.float32), truncated


def _contours(probability: ProbabilityMap, threshold: int, settings: DbnetSettings) -> Iterator[Contour]:
    """Contours of the binarized map that have three points at least."""
    for top, bottom in _bands(probability, threshold, settings):
        binary = cv2.threshold(probability[top:bottom], threshold, 255, cv2.THRESH_BINARY)[1]
        if settings.dilate:
            binary = cv2.dilate(binary, np.ones((2, 2), np.uint8))
        for contour in cv2.findContours(binary, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE, offset=(0, top))[0]:
            if len(contour) >= 3:
                yield contour  # type: ignore[misc]


def _bands(probability: ProbabilityMap, threshold: int, settings: DbnetSettings) -> Iterator[tuple[int, int]]:
    """First and last + 1 of the rows that may hold regions of `min_size`; no region reaches over a band's end.

    Text fills few rows of most maps, and to look for regions in the others takes as long as in these. A region that is
    high enough shows in one of `min_size` rows that follow each other, so that the other rows need not be looked at.
    """
    step = 1 if settings.dilate else max(1, settings.min_size)
    filled = np.zeros(len(probability) // step + 2, np.bool_)
    filled[1:-1] = probability[step - 1 :: step].max(axis=1) > threshold
    if settings.dilate:  # by a pixel downwards
        filled[2:-1] |= filled[1:-2]
    for first, last in np.flatnonzero(filled[1:] != filled[:-1]).reshape(-1, 2).tolist():
        yield first * step, min((last + 1) * step - 1, len(probability))


def _unclip(
    rectangles: npt.NDArray[np.float32], settings: DbnetSettings
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Grow rectangles by D' = A' * r' / L'; returns those that are large enough to keep, and the mask of them."""
    width, height = rectangles[:, 2], rectangles[:, 3]
    distance = width * height * settings.unclip_ratio / (2 * (width + height))
    grown = rectangles.copy()
    grown[:, 2] += 2 * distance
    grown[:, 3] += 2 * distance
    kept = np.minimum(grown[:, 2], grown[:, 3]) >= settings.min_size + UNCLIPPED_MARGIN
    return grown[kept], kept
