"""Texts as the ids of 26 time steps, as a recognizer would answer them."""

import numpy as np
from twin_contracts import STEPS

BLANK = 0
GO, STOP = 0, 1
FIRST_CHARACTER = {"ctc": 1, "attention": 2}

TEXTS = {
    "ctc": ("ocrnet", "0z9a1y8b2x7c3w6d4v5e", "aabbccc001", "z", "0123456789abcdefghijklmnop"),
    "attention": ("ocrnet", "tao:5.0/ocr_v2", "!#$%&'()*+,-;<=>[]^|~", "aabb00", "0z9a1y8b2x7c3w6d4v5e:f^g~h"),
}


def ids_of_steps(text, version):
    """int [26]. What stands behind an attention decoder's [s] is noise that nobody may read."""
    ids = [version.characters.index(character) + FIRST_CHARACTER[version.decoder] for character in text]
    if version.decoder == "ctc":
        return _ctc_path(ids)
    noise = np.random.default_rng(len(ids)).integers(2, version.classes, STEPS).tolist()
    return [*ids, STOP, *noise][:STEPS]


def _ctc_path(ids):
    """A blank between equal characters; each twice where there is room, for the decoder to collapse."""
    path = []
    for i, each in enumerate(ids):
        path += [BLANK] * (i > 0 and ids[i - 1] == each)
        path += [each]
    twice = [each for each in path for _ in range(2)]
    path = twice if len(twice) <= STEPS else path
    assert len(path) <= STEPS
    return path + [BLANK] * (STEPS - len(path))
