"""DBNet post-processing as it is usually written in Python: one region after another, each clipped by pyclipper.

The box mode of Liao et al. (AAAI 2020), section 3.4, as most ports of it do it: contours, min-area rectangle, score
over the rectangle's bounding box, polygon offset with round joins, min-area rectangle again. It stands here to be
measured against `ocdrnet_ops.detection.dbnet`, with the same thresholds, coordinates and limits.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper

from ocdrnet_ops.detection.dbnet import UNCLIPPED_MARGIN, DbnetSettings

Points = npt.NDArray[np.float32]


def usual_boxes(
    probability: npt.NDArray[np.uint8], map_transform: npt.NDArray[np.float32], settings: DbnetSettings
) -> tuple[Points, npt.NDArray[np.float32]]:
    """Boxes of one probability map: float32 [N, 4, 2] in original pixels, and their scores, float32 [N].

    Args:
        probability: uint8 [h, w], the probability times 255; made a float map first, as the usual form has it.
        map_transform: float32 [4]: x0, y0, x-scale, y-scale from map to original pixels.
        settings: thresholds.
    """
    floats = probability.astype(np.float32) / 255
    binary = (floats > settings.binarize_threshold).astype(np.uint8)
    if settings.dilate:
        binary = cv2.dilate(binary, np.ones((2, 2), np.uint8)).astype(np.uint8)
    contours = cv2.findContours(binary, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]
    boxes, scores = [], []
    for contour in contours[: settings.max_candidates]:
        corners, side = _rectangle(contour)
        if side < settings.min_size:
            continue
        score = _score(floats, corners)
        if score < settings.box_threshold:
            continue
        grown, side = _rectangle(_unclip(corners, settings.unclip_ratio))
        if side < settings.min_size + UNCLIPPED_MARGIN:
            continue
        boxes.append((grown + 0.5) * map_transform[2:] + map_transform[:2])
        scores.append(score)
    return np.array(boxes, np.float32).reshape(-1, 4, 2), np.array(scores, np.float32)


def _rectangle(points: cv2.typing.MatLike) -> tuple[Points, float]:
    """Corners of the min-area rectangle, clockwise from the top-left, and its short side."""
    rectangle = cv2.minAreaRect(points)
    corners = sorted(cv2.boxPoints(rectangle).tolist())
    left, right = sorted(corners[:2], key=_y), sorted(corners[2:], key=_y)
    return np.array([left[0], right[0], right[1], left[1]], np.float32), min(rectangle[1])


def _y(point: list[float]) -> float:
    return point[1]


def _score(floats: npt.NDArray[np.float32], corners: Points) -> float:
    """Mean probability inside a rectangle, over its bounding box."""
    height, width = floats.shape
    left, right = np.clip([np.floor(corners[:, 0].min()), np.ceil(corners[:, 0].max())], 0, width - 1).astype(int)
    top, bottom = np.clip([np.floor(corners[:, 1].min()), np.ceil(corners[:, 1].max())], 0, height - 1).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [(corners - (left, top)).astype(np.int32)], (1,))
    return cv2.mean(floats[top : bottom + 1, left : right + 1], mask)[0]


def _unclip(corners: Points, ratio: float) -> Points:
    """Grow by D' = A' * r' / L', with round joins."""
    distance = cv2.contourArea(corners) * ratio / cv2.arcLength(corners, True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(np.rint(corners).astype(int).tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return np.array(offset.Execute(distance)[0], np.float32)
