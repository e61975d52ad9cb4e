"""Large scans of several kinds, each read at `tiling=off`, `auto` and `on`: right lines, and CPU seconds.

python -m benchmarks.large_scans REPOSITORY [--kinds letter invoice ...] [--tilings off auto on]

The pages are drawn, as a scanner would see them: noise, shade, a slight slant. Each knows its lines. `plan` and
`footnotes` hold text that only tiles show; of the others `off` finds all there is, so `auto` should not take longer.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from benchmarks.in_process import Pair, open_pair, read_pixels
from benchmarks.machine import machine_line

Pixels = npt.NDArray[np.uint8]
# fmt: off
WORDS = (
    "harbour", "station", "invoice", "kitchen", "number", "garden", "total", "river", "amount", "street", "window",
    "paper", "order", "winter", "bridge", "letter", "silver", "market", "forest", "engine", "copper", "mountain",
    "travel", "people", "summer", "figure", "castle", "meadow", "lantern", "village", "orchard",
)
# fmt: on
INK, PAPER = 30, 244


class Page:
    """A page that is being drawn, and the lines that it holds so far."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        """Start with paper alone."""
        self.image = Image.new("L", (width, height), PAPER)
        self.lines: list[str] = []
        self.random = random.Random(seed)
        self.draw = ImageDraw.Draw(self.image)

    def write(self, x: float, y: float, text: str, size: int, ink: int = INK) -> None:
        """A line whose top-left is at x, y."""
        self.draw.text((x, y), text, font=ImageFont.load_default(size), fill=ink)
        self.lines.append(text)

    def words(self, count: int) -> str:
        """As many words, the last with a number."""
        return " ".join([*self.random.choices(WORDS, k=count), str(self.random.randrange(100, 999))])

    def block(self, box: tuple[int, int, int, int], size: int, spacing: float = 1.7) -> None:
        """Lines of text that fill a box of left, top, right, bottom."""
        left, top, right, bottom = box
        count = max(1, round((right - left) / (size * 4.2)) - 1)
        for y in np.arange(top, bottom - size, size * spacing):
            self.write(left, float(y), self.words(count), size)

    def scanned(self, noise: float = 4.0) -> Pixels:
        """The page as a scanner sees it: uint8 [H, W, 3]."""
        drawn = np.asarray(self.image)
        height, width = drawn.shape
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.3, 1)
        turned = cv2.warpAffine(drawn, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(PAPER,))
        rng = np.random.default_rng(0)
        grain = rng.normal(0, noise, (1024, 1024)).astype(np.float32)
        grain = np.tile(grain, (-(-height // 1024), -(-width // 1024)))[:height, :width]
        shade = np.linspace(0, -12, width, dtype=np.float32)
        gray = np.clip(turned + grain + shade, 0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)


def letter(size: int = 60) -> Page:
    """A letter at 600 dpi: blocks of text, wide margins."""
    page = Page(4960, 7016, 1)
    page.write(600, 500, "Harbour Office 27", 2 * size)
    page.block((600, 1100, 2600, 1500), size)
    page.block((600, 2000, 4300, 5600), size)
    return page


def dense(size: int = 44) -> Page:
    """Two columns of text in small letters, to the margins."""
    page = Page(5000, 7000, 2)
    page.block((300, 300, 2400, 6700), size)
    page.block((2650, 300, 4750, 6700), size)
    return page


def invoice(size: int = 56) -> Page:
    """A table between rules, and a logo."""
    page = Page(4960, 7016, 3)
    page.draw.ellipse((500, 400, 900, 800), fill=90)
    page.write(1100, 500, "Invoice 20417", 2 * size)
    for row in range(24):
        y = 1500 + row * 150
        page.draw.line((500, y, 4460, y), fill=INK, width=5)
        if row < 23:
            page.write(560, y + 40, page.words(2), size)
            page.write(2500, y + 40, f"{page.random.randrange(10, 99)} pieces", size)
            page.write(3700, y + 40, f"{page.random.randrange(1000, 9999)}.50", size)
    for x in (500, 2400, 3600, 4460):
        page.draw.line((x, 1500, x, 1500 + 23 * 150), fill=INK, width=5)
    return page


def newspaper(size: int = 50) -> Page:
    """Three columns under a headline, and a photo."""
    page = Page(7000, 9000, 4)
    page.write(400, 300, "Bridge opens again", 400)
    rng = np.random.default_rng(4)
    small = rng.normal(120, 40, (40, 60)).astype(np.float32)
    photo = np.clip(cv2.resize(small, (2000, 1400), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)
    page.image.paste(Image.fromarray(photo), (400, 1100))
    page.block((400, 2700, 2400, 8700), size)
    for left in (2600, 4800):
        page.block((left, 1100, left + 2000, 8700), size)
    return page


def plan(size: int = 14) -> Page:
    """A plan of A0 with lines, small marks all over, and a large title."""
    page = Page(9000, 6400, 5)
    page.draw.rectangle((100, 100, 8900, 6300), outline=INK, width=6)
    for _ in range(40):
        x, y = page.random.randrange(300, 7800), page.random.randrange(300, 5200)
        page.draw.rectangle((x, y, x + 700, y + 500), outline=INK, width=3)
    for row in range(9):
        for column in range(10):
            page.write(260 + 850 * column, 260 + 580 * row, f"Room {100 + 10 * row + column}", size)
    page.write(5800, 5700, "Ground floor 1 to 50", 150)
    return page


def footnotes(size: int = 60) -> Page:
    """A page of large letters with notes of 14 pixels below and one beside."""
    page = Page(4960, 7016, 6)
    page.block((600, 600, 4300, 4000), size)
    for row in range(6):
        page.write(600, 6200 + 40 * row, page.words(5), 14)
    page.write(4450, 2000, "see page 20", 16)
    page.write(1500, 4100, "close below 77", 14)
    return page


KINDS: dict[str, Callable[[], Page]] = {
    each.__name__: each for each in (letter, dense, invoice, newspaper, plan, footnotes)
}


def read(pair: Pair, page: Page, tiling: str) -> tuple[int, int, float, int]:
    """Right lines, lines in all, CPU seconds, and inputs that the detector got."""
    pixels = page.scanned()
    before = len(pair.detector.inputs)
    begin = time.process_time()
    lines = read_pixels(pixels, pair, options={"tiling": tiling}).lines
    seconds = time.process_time() - begin
    have = Counter("".join(text.split()) for text in lines.texts)
    wanted = Counter("".join(text.split()) for text in page.lines)
    for text in sorted((wanted - have).elements())[:5]:
        print(f"    {tiling}: not read: {text}")
    return (have & wanted).total(), wanted.total(), seconds, len(pair.detector.inputs) - before


def main(arguments: Sequence[str] | None = None) -> None:
    """Read each kind at each tiling and print a row for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=list(KINDS))
    parser.add_argument("--tilings", nargs="+", default=["off", "auto"])
    given = parser.parse_args(arguments)
    pair = open_pair(given.repository)
    print(machine_line())
    for kind in given.kinds:
        page = KINDS[kind]()
        for tiling in given.tilings:
            right, wanted, seconds, inputs = read(pair, page, tiling)
            print(
                f"{kind:10} {tiling:4} {right:4} of {wanted} lines  {seconds:6.2f} s CPU  {inputs} inputs", flush=True
            )


if __name__ == "__main__":
    main()
