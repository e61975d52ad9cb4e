"""An image that the twins can read: plates of coloured bands, each with a core in the marker's colour.

The core is the shrunk text region, as a DBNet is trained to answer it: grown by the unclip ratio in the detector's
map it covers the plate. The map is the image stretched, so a core drawn for it fits no other resizing.
"""

import cv2
import numpy as np
from twin_contracts import DETECTOR_SIZE, STEPS
from twin_detector import MARKER
from twin_levels import TINTS, colour_of_gray, gray_level
from twin_text import TEXTS, ids_of_steps

WIDTH, HEIGHT = 720, 1472  # upright, so that the stretch to 1280 x 736 is far from keeping the aspect
PLATE_WIDTH, PLATE_HEIGHT = 13 * STEPS, 140
LEFT, TOP, PITCH = 190, 100, 270
BLEED = 12  # pixels that a plate's colours go on beyond it
RIPPLE = 12  # levels between rows and the marker: halving the height bilinearly makes it even, picking rows does not
BACKGROUND = (90, 130, 110)
UNCLIP_RATIO = 1.5


def draw_image(version):
    """uint8 [1472, 720, 3] BGR with the version's texts from top to bottom."""
    image = np.full((HEIGHT, WIDTH, 3), BACKGROUND, np.uint8)
    for row, text in enumerate(TEXTS[version.decoder]):
        top = TOP + row * PITCH
        _draw_bands(image, top, ids_of_steps(text, version), version.classes)
        _draw_core(image, top)
    return image


def plate_boxes():
    """Corners of every possible plate, from top to bottom, clockwise from the top-left."""
    right = LEFT + PLATE_WIDTH
    tops = range(TOP, HEIGHT - PLATE_HEIGHT, PITCH)
    return [[(LEFT, y), (right, y), (right, y + PLATE_HEIGHT), (LEFT, y + PLATE_HEIGHT)] for y in tops]


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


def _draw_bands(image, top, ids, classes):
    rows = slice(top - BLEED, top + PLATE_HEIGHT + BLEED)
    edges = LEFT + np.arange(STEPS + 1) * PLATE_WIDTH // STEPS
    edges[[0, -1]] += (-BLEED, BLEED)
    for step, each in enumerate(ids):
        image[rows, edges[step] : edges[step + 1]] = colour_of_gray(gray_level(each, classes), TINTS[step % len(TINTS)])


def _draw_core(image, top):
    scale = np.array([DETECTOR_SIZE[1] / WIDTH, DETECTOR_SIZE[0] / HEIGHT])
    margin = shrink_distance(*(np.array([PLATE_WIDTH, PLATE_HEIGHT]) * scale)) / scale
    x, y = np.rint(margin).astype(int)
    core = image[top + y : top + PLATE_HEIGHT - y, LEFT + x : LEFT + PLATE_WIDTH - x]
    core[0::2], core[1::2] = MARKER + RIPPLE, MARKER - RIPPLE


def shrink_distance(width, height, ratio=UNCLIP_RATIO):
    """How far a rectangle's core lies inside it, so that the core grown by D' = A' * r' / L' is the rectangle."""
    low, high = 0.0, min(width, height) / 2
    for _ in range(50):
        distance = (low + high) / 2
        inner = width - 2 * distance, height - 2 * distance
        grows = inner[0] * inner[1] * ratio / (2 * sum(inner))
        low, high = (distance, high) if grows > distance else (low, distance)
    return low
