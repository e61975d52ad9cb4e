"""The detector's probability maps -> outlines of text, also of an image that lies on its side.

Images that lie on their side: whether to look, which way to turn, and the way back.

Detectors are trained on horizontal text; of street photos turned by 90 degrees they find a quarter of the words less.
So an image whose boxes are mostly tall, or that has none, is shown to the detector once more, turned by 90 degrees.
Several long lines say which frame is right. Where they do not, because all that was found is a narrow "I", or one note
in the margin beside short words, what both frames show is read, and `recognition.crossing` keeps what reads better.
Whether text stands on its head is not decided here: `recognition.line_flip` does that, line by line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_ops.detection.closer_look import Detector, Maps, closer_look
from ocdrnet_ops.detection.dbnet import DbnetSettings, Detections, detect_boxes
from ocdrnet_ops.detection.tile_merging import merge_maps
from ocdrnet_ops.geometry.quads import VERTICAL_RATIO
from ocdrnet_ops.geometry.text_outline import cover_shares, of_points, outline_quads
from ocdrnet_ops.image.resize import STEP, DetectorInput, scale_image

TALL_SHARE = 0.25  # of the elongation of all boxes: above it the detector looks again; chosen on 80 images turned
EVIDENCE = 2.5  # elongation by which the turned frame must lead: about one short word; noise makes square boxes
SURE = 3  # long lines, and times the other frame's elongation, with which the turned frame is taken for the right one
LONG = 3.0  # elongation of a long line
NARROW = 5.0  # elongation up to which a tall box may be a narrow character, such as "I" or "1"
LEAST_HALF = 320  # pixels of the short side of half of an image, from which on that is asked first
SAME = 0.5  # share of the smaller of two boxes from which on they show the same text


def looks_rotated(quads: npt.NDArray[np.float32]) -> bool:
    """Whether the image may lie on its side: much of its text is in tall boxes, or there is none.

    Args:
        quads: float32 [N, 4, 2], in the image as it came.
    """
    wide, tall = elongations(quads)
    return tall > TALL_SHARE * (wide + tall) or not len(quads)


def right_frame(upright: npt.NDArray[np.float32], turned: npt.NDArray[np.float32]) -> str:
    """Along which image's rows the lines run: `upright`, `turned`, or `both` where few lines leave that open.

    Args:
        upright: float32 [N, 4, 2], boxes found in the image as it came.
        turned: float32 [M, 4, 2], boxes found in the image turned by 90 degrees.
    """
    (wide, tall), (turned_wide, turned_tall) = elongations(upright), elongations(turned)
    if turned_wide + tall <= wide + turned_tall + EVIDENCE:
        return "upright"
    _, is_wide, is_tall = _ratios(upright)
    ratios, is_long, _ = _ratios(turned)
    is_long &= ratios >= LONG
    short = len(upright) - np.count_nonzero(is_wide | is_tall)  # a table's figures, under heads that are turned
    is_sure = turned_wide + tall > SURE * (wide + turned_tall) and is_long.sum() >= max(SURE, short)
    return "turned" if is_sure else "both"


def elongations(quads: npt.NDArray[np.float32]) -> tuple[float, float]:
    """Length of the text in wide and in tall boxes, each box's as its long side over its short one.

    Args:
        quads: float32 [N, 4, 2], clockwise from the text's top-left. Nearly square ones count for neither.
    """
    ratios, wide, tall = _ratios(quads)
    return float(ratios[wide].sum()), float(ratios[tall].sum())


def _ratios(
    quads: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Elongation of each box, which are wide, and which are tall: [N] each."""
    sides = np.linalg.norm(quads[:, 1:3] - quads[:, :2], axis=-1)
    ratios = sides.max(axis=1, initial=0) / np.maximum(sides.min(axis=1, initial=np.inf), 1e-6)
    along = np.abs(quads[:, 1] - quads[:, 0])  # of the writing direction
    tall = along[:, 1] > along[:, 0]
    return ratios, ~tall & (ratios >= VERTICAL_RATIO), tall


def join_frames(upright: Detections, turned: Detections, width: int, frame: str, most: int) -> Detections:
    """What was found in either frame, in original pixels, each text in the frame in which it lies along the rows.

    Args:
        upright: found in the image as it came.
        turned: found in the image turned by 90 degrees, in its pixels.
        width: of the original image.
        frame: `upright`: of the turned image only lines that were found tall are taken; `turned`: of the other only
            long lines; `both`: all, and narrow ones both as a line and as a character.
        most: boxes; what is over it, of the other frame first, is dropped and flagged.
    """
    upright_quads, turned_quads = outline_quads(upright.boxes), outline_quads(turned.boxes)
    ratios, wide, tall = _ratios(upright_quads)
    _, turned_wide, turned_tall = _ratios(turned_quads)
    turned = replace(turned, boxes=turn_back(turned.boxes, width))
    same = cover_shares(upright_quads, turn_back(turned_quads, width)) >= SAME
    kept = ~tall | ~same[:, turned_wide].any(axis=1)
    turned_kept = ~turned_tall | ~same[wide].any(axis=0)
    if frame == "upright":
        turned_kept &= turned_wide & same[tall].any(axis=0)
        parts = [_part(upright, kept), _part(turned, turned_kept)]
    elif frame == "turned":
        parts = [_part(turned, turned_kept), _part(upright, kept & wide & (ratios >= LONG))]
    else:  # nothing twice in one direction: a character that is tall in one frame may be nearly square in the other
        over_tall, over_other = same[tall].any(axis=0), same[~tall].any(axis=0)
        turned_kept &= turned_wide | ~np.where(turned_tall, over_other, over_tall)
        parts = [_part(upright, kept), _part(turned, turned_kept)]
        along = np.concatenate([outline_quads(part.boxes)[~_ratios(outline_quads(part.boxes))[2]] for part in parts])
        parts += [_as_characters(part, along) for part in parts]
    points = max(part.boxes.shape[1] for part in parts)
    boxes = np.concatenate([of_points(part.boxes, points) for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    truncated = upright.truncated or turned.truncated or len(boxes) > most
    return Detections(boxes[:most], scores[:most], truncated)


def _as_characters(found: Detections, along: npt.NDArray[np.float32]) -> Detections:
    """Narrow boxes of lines that run down the image, as those of upright characters, where nothing lies along it."""
    quads = outline_quads(found.boxes)
    ratios, _, tall = _ratios(quads)
    narrow = tall & (ratios <= NARROW) & (ratios >= VERTICAL_RATIO) & ~(cover_shares(quads, along) >= SAME).any(axis=1)
    edges = np.roll(quads, -1, axis=1) - quads
    start = np.argmax(edges[..., 0], axis=1)  # of the edge that runs to the right
    boxes = quads[np.arange(len(quads))[:, None], (start[:, None] + np.arange(4)) % 4]
    return Detections(boxes[narrow], found.scores[narrow], truncated=False)


def _part(found: Detections, kept: npt.NDArray[np.bool_]) -> Detections:
    return replace(found, boxes=found.boxes[kept], scores=found.scores[kept])


def turn_tiles(
    tiles: npt.NDArray[np.uint8], map_transforms: npt.NDArray[np.float32], width: int, fixed: bool
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """The detector's input for the image turned by 90 degrees counterclockwise, from that for the image itself.

    Args:
        tiles: uint8 [tiles, h, w, 3]; of several the last is the overview.
        map_transforms: float32 [tiles, 4]: x0, y0, x-scale, y-scale from map to original pixels.
        width: of the original image, in pixels.
        fixed: the detector takes h x w alone: the one tile is scaled down into that, the rest is black.

    Returns:
        Tiles uint8 [tiles, w, h, 3], or [1, h, w, 3] when `fixed`, row by row, and their map_transforms in the turned
        image, whose x is the original's y, and whose y counts from the original's right border.
    """
    x0, y0, x_scale, y_scale = map_transforms.T
    empty = np.rint(np.maximum(0, (x0 + tiles.shape[2] * x_scale - width) / x_scale)).astype(int)
    turned = np.ascontiguousarray(np.rot90(tiles, axes=(1, 2)))
    for tile, rows in zip(turned, empty.tolist(), strict=True):
        tile[:] = np.roll(tile, -rows, axis=0)  # what lay right of the image lies below it again
    tops = np.maximum(0, width - x0 - tiles.shape[2] * x_scale)
    placed = np.stack([y0, tops, y_scale, x_scale], -1).astype(np.float32)
    if fixed:
        return _shrunk_into(turned, placed, tiles.shape[1], tiles.shape[2])
    order = [*np.lexsort((placed[:-1, 0], placed[:-1, 1])).tolist(), len(tiles) - 1]
    return turned[order], placed[order]


def _shrunk_into(
    tiles: npt.NDArray[np.uint8], map_transforms: npt.NDArray[np.float32], height: int, width: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    scale = min(height / tiles.shape[1], width / tiles.shape[2])
    inner_height, inner_width = round(tiles.shape[1] * scale), round(tiles.shape[2] * scale)
    shrunk = np.zeros((len(tiles), height, width, 3), np.uint8)
    for out, tile in zip(shrunk, tiles, strict=True):
        out[:inner_height, :inner_width] = cv2.resize(tile, (inner_width, inner_height), interpolation=cv2.INTER_AREA)
    grown = np.array([1, 1, tiles.shape[2] / inner_width, tiles.shape[1] / inner_height], np.float32)
    return shrunk, map_transforms * grown


def turn_back(outlines: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.float32]:
    """Points of the turned image in the image as it came.

    Args:
        outlines: float32 [..., 2], in the image turned by 90 degrees counterclockwise.
        width: of the original image, in pixels.
    """
    return np.stack([width - outlines[..., 1], outlines[..., 0]], axis=-1)


@dataclass(frozen=True)
class _Look:
    """What the detector saw, upright or turned, and what was found in it."""

    seen: DetectorInput
    maps: Maps
    image_size: tuple[int, int]
    found: Detections


def detect_text(
    seen: DetectorInput,
    maps: Maps,
    image_size: tuple[int, int],
    settings: DbnetSettings,
    upside_down: str,
    detector: Detector,
) -> Detections:
    """Outlines of text in original pixels; the detector is asked again where the image may hold more, or lie on a side.

    Args:
        seen: what the detector has seen of the image.
        maps: uint8 [tiles, h, w], what it answered.
        image_size: width and height of the original in pixels.
        settings: thresholds.
        upside_down: `off`: the image is taken as it came; `on`: it is always looked at turned, too; `auto`: where
            text is found in tall boxes, or none.
        detector: asked with the image turned by 90 degrees, and for tiles of a large one.
    """
    fixed = detector.card.resize != "multiple-of-32"
    # Tiles of a fixed size do not fit together when turned.
    can_turn = upside_down != "off" and not (fixed and len(maps) > 1)

    def wants_turn(look: _Look) -> bool:
        return can_turn and (upside_down == "on" or looks_rotated(outline_quads(look.found.boxes)))

    def has_turned_text(look: _Look) -> bool:
        return upside_down == "on" or fixed or _has_turned_text(look, settings, detector)

    upright, turned, frame = _look(seen, maps, image_size, settings), None, "upright"
    if wants_turn(upright) and (len(upright.found.boxes) or seen.detail.size or has_turned_text(upright)):
        turned = _turned_look(upright, settings, detector)
        frame = _frame(upright, turned)
    if seen.detail.size:
        if frame != "turned":
            upright = _closer(upright, settings, detector)
        if frame != "upright" or (wants_turn(upright) and (len(upright.found.boxes) or has_turned_text(upright))):
            turned = _closer(turned or _turned_look(upright, settings, detector), settings, detector)
            frame = _frame(upright, turned)
    if turned is None:
        return upright.found
    return join_frames(upright.found, turned.found, image_size[0], frame, settings.max_candidates)


def _look(seen: DetectorInput, maps: Maps, image_size: tuple[int, int], settings: DbnetSettings) -> _Look:
    merged, map_transform = merge_maps(maps, seen.map_transforms, image_size, settings)
    return _Look(seen, maps, image_size, detect_boxes(merged, map_transform, image_size, settings))


def _closer(look: _Look, settings: DbnetSettings, detector: Detector) -> _Look:
    return replace(look, found=closer_look(look.seen, look.maps[0], look.found, look.image_size, settings, detector))


def _frame(upright: _Look, turned: _Look) -> str:
    return right_frame(outline_quads(upright.found.boxes), outline_quads(turned.found.boxes))


def _turned_look(upright: _Look, settings: DbnetSettings, detector: Detector) -> _Look:
    width, height = upright.image_size
    fixed = detector.card.resize != "multiple-of-32"
    tiles, map_transforms = turn_tiles(upright.seen.tiles, upright.seen.map_transforms, width, fixed)
    turned = DetectorInput(tiles, map_transforms, np.ascontiguousarray(np.rot90(upright.seen.detail)))
    return _look(turned, detector.maps_of(tiles), (height, width), settings)


def _has_turned_text(upright: _Look, settings: DbnetSettings, detector: Detector) -> bool:
    """Whether an image without a box may show text turned: asked at half of its scale, a quarter of the cost.

    Text is what a map holds, however small or unsure. Of 60 street photos turned by 90 degrees three show nothing
    upright that is sure enough for a box; each is told by what its upright map holds, and two by half of it as well.
    """
    seen, loose = upright.seen, replace(settings, box_threshold=0.0, min_size=1)
    if min(seen.tiles.shape[1:3]) < 2 * LEAST_HALF:
        return True
    if len(_look(seen, upright.maps, upright.image_size, loose).found.boxes):
        return True
    height, width = (length // (2 * STEP) * STEP for length in seen.tiles.shape[1:3])
    tiles = np.stack([scale_image(tile, height, width) for tile in seen.tiles])
    grown = np.array([1, 1, seen.tiles.shape[2] / width, seen.tiles.shape[1] / height], np.float32)
    detail = seen.detail
    if detail.size:
        detail = scale_image(detail, detail.shape[0] // 2, detail.shape[1] // 2)
    half = replace(upright, seen=DetectorInput(tiles, seen.map_transforms * grown, detail))
    turned = _turned_look(half, loose, detector)
    if detail.size and not len(turned.found.boxes):
        turned = _closer(turned, loose, detector)
    return len(turned.found.boxes) > 0
