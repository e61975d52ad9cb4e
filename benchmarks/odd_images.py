"""Images of odd sizes and contents through all steps: `python -m benchmarks.odd_images --images 10000 --seed 1`.

Sizes go from 1 x 1 to 1 x 60,000 and 12,000 x 12,000, contents from nothing to noise. Stand-ins for the networks answer
worse than any network: text anywhere, also in the padding beside the image, in any shape, read as anything. Networks of
each kind, tiles, options: all are drawn by the seed. Whatever the steps raise but a refusal of the options would be an
INTERNAL error of the server's, and is printed with the number of its image; `--only NUMBER` tries that one again.
"""

from __future__ import annotations

import argparse
import random
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.in_process import Pair, Recorder, Trace, read_pixels
from benchmarks.machine import machine_line
from ocdrnet_ops.answer.merge import merge_lines
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import CHARACTERS, GEOMETRY, MERGE, TILING, UPSIDE_DOWN, OptionValue

Pixels = npt.NDArray[np.uint8]

LARGEST = ((1, 60_000), (60_000, 1), (12_000, 12_000), (700, 12_000), (12_000, 700), (3, 40_000), (30_000, 2000))
LARGE_SHARE, LARGE_PIXELS, USUAL_PIXELS = 0.004, 8_000_000, 1_000_000
_DETECTOR = DetectorCard("stand-in", "", "MIT", "", resize="multiple-of-32", max_candidates=100)
DETECTORS = (
    _DETECTOR,
    replace(_DETECTOR, side=96, max_side=512, dilate=True),
    replace(_DETECTOR, resize="stretch", height=96, width=160),
    replace(_DETECTOR, resize="letterbox", height=544, width=960),
)
_RECOGNIZER = RecognizerCard(
    "stand-in", "", "MIT", "", height=48, decoder="ctc", characters=("a", "B", "1", "\u4e00", " ")
)
RECOGNIZERS = (
    _RECOGNIZER,
    replace(_RECOGNIZER, max_width=96, crop_margin=0.3, min_text_score=0.0),
    replace(_RECOGNIZER, width=100, height=32, decoder="attention", interpolation="cubic"),
    replace(_RECOGNIZER, width=200, keep_aspect=True, padding="black"),
    replace(_RECOGNIZER, characters=("\u05d0", "\u05d1", "a", "1", "\u00b2", "e\u0301", "(", " ")),
)
COUNTS = (0, 1, 2, 5, 40)  # of shapes in an image or a map


class AnyDetector(Recorder):
    """Finds text anywhere."""

    def __init__(self, random_: random.Random) -> None:
        """Keep by what is drawn."""
        self._random = random_

    def run(self, inputs: Iterable[Pixels], more: Mapping[str, npt.NDArray[Any]] | None = None) -> list[dict[str, Any]]:
        """A map for each input, uint8 [n, 1, h, w]."""
        return [{"pred": np.stack([_drawn(self._random, *tile.shape[:2])[None] for tile in batch])} for batch in inputs]


class AnyRecognizer(Recorder):
    """Reads anything."""

    def __init__(self, random_: random.Random, card: RecognizerCard) -> None:
        """Keep by what is drawn, and the card."""
        self._rng, self._card = np.random.default_rng(random_.getrandbits(32)), card
        self._blank, self._surety = random_.choice((0.0, 0.5, 0.95, 1.0)), random_.choice((0.0, 0.5, 0.9, 1.0))

    def run(self, inputs: Iterable[Pixels], more: Mapping[str, npt.NDArray[Any]] | None = None) -> list[dict[str, Any]]:
        """Ids and probabilities of each batch, [n, T]."""
        return [self._read(crops.shape[0], crops.shape[2]) for crops in inputs]

    def _read(self, count: int, width: int) -> dict[str, Any]:
        steps = 26 if self._card.width else width // self._card.stride
        highest = len(self._card.characters) + (self._card.decoder == "attention")
        ids = self._rng.integers(0, highest + 1, (count, steps), dtype=np.int32)
        ids[self._rng.random(ids.shape) < self._blank] = 0
        surety = self._rng.uniform(self._surety, 1, (count, 1))
        return {"output_id": ids, "output_prob": np.broadcast_to(surety, ids.shape).astype(np.float32)}


def image_size(random_: random.Random) -> tuple[int, int]:
    """Width and height: even in their logarithms, a few as large as images may be."""
    if random_.random() < LARGE_SHARE:
        return random_.choice(LARGEST)
    most = random_.choice((USUAL_PIXELS,) * 9 + (LARGE_PIXELS,))
    width = round(60_000 ** random_.random())
    height = round(min(60_000, max(1, most // width)) ** random_.random())
    return (width, height) if random_.random() < 0.5 else (height, width)


def image(random_: random.Random, width: int, height: int) -> Pixels:
    """An image of one colour, with shapes and words on it, or noise: uint8 [height, width, 3]."""
    kind, paper = random_.randrange(4), random_.choice((0, 128, 254, 255))
    pixels = np.full((height, width, 3), paper, np.uint8)
    if kind == 1 and width * height <= LARGE_PIXELS:
        pixels[:] = _noise(random_, height, width)[..., None]
    elif kind > 1:
        for _ in range(random_.choice(COUNTS)):
            at = random_.randrange(width), random_.randrange(height)
            size, ink = random_.choice((0.3, 1, 4, 20)), (random_.randrange(256),) * 3
            cv2.putText(pixels, "Il1 Kettle", at, cv2.FONT_HERSHEY_SIMPLEX, size, ink, max(1, round(2 * size)))
    return pixels


def _drawn(random_: random.Random, height: int, width: int) -> Pixels:
    """A map with text of any shape: bars, arcs, dots, noise, or all of it."""
    kind = random_.randrange(8)
    if kind == 0:
        return np.full((height, width), random_.choice((0, 77, 255)), np.uint8)
    if kind == 1:
        return _noise(random_, height, width)
    drawn = np.zeros((height, width), np.uint8)
    for _ in range(random_.choice(COUNTS)):
        at = random_.randrange(-20, width + 20), random_.randrange(-20, height + 20)
        reach = random_.choice((4, 20, 200, max(height, width)))
        thick, value = random_.choice((1, 4, 12, 100)), (random_.choice((77, 140, 255)),)
        if kind < 5:
            end = at[0] + random_.randint(-reach, reach), at[1] + random_.choice((0, 0, random_.randint(-reach, reach)))
            cv2.line(drawn, at, end if kind < 4 else (at[0] + end[1] - at[1], at[1] + reach), value, thick)
        else:
            axes = random_.randint(0, reach), random_.randint(0, reach)
            cv2.ellipse(drawn, at, axes, random_.randrange(360), 0, random_.randrange(361), value, thick)
    return drawn


def _noise(random_: random.Random, height: int, width: int) -> Pixels:
    grain = random_.choice((1, 3, 9, 40))
    small = np.random.default_rng(random_.getrandbits(32)).integers(
        0, 256, (-(-height // grain), -(-width // grain)), np.uint8
    )
    way = random_.choice((cv2.INTER_NEAREST, cv2.INTER_CUBIC))
    return small if grain == 1 else np.asarray(cv2.resize(small, (width, height), interpolation=way), np.uint8)


def options(random_: random.Random) -> dict[str, OptionValue]:
    """Of a request: most have none, some have several."""
    values: dict[str, OptionValue] = {
        each.name: random_.choice(each.choices) for each in (GEOMETRY, TILING, UPSIDE_DOWN, MERGE, CHARACTERS)
    }
    values |= {
        "detector_side": random_.choice((32, 300, 2000)),
        "min_size": random_.choice((1, 3, 50)),
        "unclip_ratio": random_.choice((0.0, 1.5, 5.0)),
        "box_threshold": random_.choice((0.0, 0.5)),
        "binarize_threshold": random_.choice((0.0, 0.3, 1.0)),
        "max_candidates": random_.choice((1, 7, 100)),
        "min_text_score": random_.choice((0.0, 0.6)),
    }
    kept = random_.choice((0.0, 0.0, 0.3, 0.6))
    return {name: value for name, value in values.items() if random_.random() < kept}


def read_odd_image(number: int, seed: int) -> str:
    """Read one image; `read`, or `refused` where the options do not go with the networks.

    Args:
        number: of the image.
        seed: with which it makes what is drawn.

    Raises:
        AssertionError: the answer does not hold what it promises.
        Exception: anything else is a fault of a step's.
    """
    random_ = random.Random(f"{seed}/{number}")
    width, height = image_size(random_)
    chosen, recognizer = options(random_), random_.choice(RECOGNIZERS)
    pair = Pair(AnyDetector(random_), random_.choice(DETECTORS), AnyRecognizer(random_, recognizer), recognizer)
    try:
        trace = read_pixels(
            image(random_, width, height), pair, options=chosen, max_tiles=random_.choice((1, 2, 3, 8, 64))
        )
    except OptionError:
        return "refused"
    _check(trace, chosen)
    return "read"


def _check(trace: Trace, chosen: Mapping[str, OptionValue]) -> None:
    lines = merge_lines(trace.lines, str(chosen.get("merge", "line")), str(chosen.get("geometry", "quad")))
    count, size = len(lines.texts), np.array(trace.image_size)
    assert len(trace.found.boxes) <= trace.settings.max_candidates, "more boxes than the recognizer takes"
    assert {len(part) for part in (lines.boxes, lines.polygons, lines.scores, lines.paragraphs)} == {count}
    assert len(lines.word_texts) == len(lines.word_boxes) == len(lines.word_lines)
    assert all(text.strip() for text in lines.texts), "a line without text"
    if chosen.get("characters") == "on":
        owners, starts, ends, _, lengths = lines.characters.T
        counts = np.bincount(owners.astype(int), lengths, minlength=len(lines.word_texts)).tolist()
        assert counts == [len(text) for text in lines.word_texts], "characters that are not their words'"
        assert (owners[1:] >= owners[:-1]).all(), "characters in another order than their words"
        assert ((starts >= 0) & (starts <= ends) & (ends <= 1)).all(), "a character beside its word"
    else:
        assert lines.characters.shape == (0, 5)
    for part in (lines.boxes, lines.polygons, lines.word_boxes):
        assert np.isfinite(part).all(), "a point that is no number"
    within = lines.boxes if chosen.get("merge") != "paragraph" else lines.word_boxes
    assert (within >= 0).all(), "a box that begins outside the image"
    assert (within <= size).all(), "a box that ends outside the image"
    if chosen.get("geometry", "quad") == "quad":
        assert lines.polygons.shape[1:] == (4, 2), "a quad of more than four points"


def main() -> None:
    """Read images, until there are as many as asked for or the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first image")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of the clock, after which to end")
    parser.add_argument("--only", type=int, help="number of the one image to try again")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    numbers = range(given.first, given.first + given.images) if given.only is None else [given.only]
    outcomes: Counter[str] = Counter()
    end = time.monotonic() + given.seconds
    for number in numbers:
        if time.monotonic() > end:
            break
        try:
            outcomes[read_odd_image(number, given.seed)] += 1
        except Exception:
            outcomes["fault"] += 1
            print(f"image {number} of seed {given.seed}:\n{traceback.format_exc()}", flush=True)
    print(machine_line())
    print(
        f"{outcomes.total()} images of seed {given.seed}: " + ", ".join(f"{n} {what}" for what, n in outcomes.items())
    )
    raise SystemExit(1 if outcomes["fault"] else 0)


if __name__ == "__main__":
    main()
