"""Which gray level stands for which character id, and colours of exactly that gray."""

import numpy as np

DARKEST, BRIGHTEST = 8.0, 248.0

# Red and blue differ from gray by these; green makes up for it. One band after another takes the next, so that a
# wrong weight of any plane, or planes in the wrong order, changes what is read.
TINTS = ((60, -60), (0, 0), (-60, 60), (50, 50), (-50, -50))


def level_step(classes):
    """Gray levels from one id to the next."""
    return (BRIGHTEST - DARKEST) / (classes - 1)


def gray_level(character_id, classes):
    return DARKEST + character_id * level_step(classes)


def colour_of_gray(level, tint):
    """uint8 (blue, green, red) whose gray is within half a level of `level`, tinted as far as it can be."""
    red, blue = tint
    for share in np.linspace(1, 0, 21):
        red_to, blue_to = np.rint(level + share * red), np.rint(level + share * blue)
        green_to = np.rint((level - 0.299 * red_to - 0.114 * blue_to) / 0.587)
        colour = np.array([blue_to, green_to, red_to])
        if colour.min() >= 0 and colour.max() <= 255:
            return colour.astype(np.uint8)
    raise AssertionError(f"gray {level} has no colour")  # gray itself always fits
