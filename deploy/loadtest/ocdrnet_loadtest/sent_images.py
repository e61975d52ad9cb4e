"""The images that are sent: from folders, or drawn.

Draws images to send where the user has none: lines of made-up words, the same for the same seed.

They are for load, not for accuracy: their size and their number of lines decide what a server has to do.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageFont

from ocdrnet_client.image_files import find_images, image_names
from ocdrnet_loadtest.errors import ImagesError, SettingError

# A sign, a photo, a receipt: small and quick, so that a first run on a laptop ends soon.
DEFAULT_SPECS = ("480x320:3", "960x640:10", "640x1200:24")
_VARIANTS = 3  # of each, so that no cache between here and the network can answer for it
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SPEC = re.compile(r"(\d+)x(\d+):(\d+)")
_SMALLEST, _LARGEST = 32, 8192
_LEAST_ROW = 12  # pixels; in lower rows no detector finds letters


@dataclass(frozen=True)
class DrawingSpec:
    """What to draw.

    Attributes:
        width: pixels.
        height: pixels.
        lines: of text, from top to bottom.
    """

    width: int
    height: int
    lines: int

    @classmethod
    def parse(cls, text: str) -> DrawingSpec:
        """Read `WIDTHxHEIGHT:LINES`.

        Raises:
            SettingError: it is something else, or the lines do not fit.
        """
        match = _SPEC.fullmatch(text)
        if match is None:
            raise SettingError(f"{text!r} is not WIDTHxHEIGHT:LINES, such as {DEFAULT_SPECS[0]}")
        spec = cls(*(int(number) for number in match.groups()))
        if not all(_SMALLEST <= side <= _LARGEST for side in (spec.width, spec.height)):
            raise SettingError(f"{text!r}: width and height must be {_SMALLEST} to {_LARGEST} pixels")
        if spec.lines * _LEAST_ROW > spec.height:
            raise SettingError(f"{text!r}: at most {spec.height // _LEAST_ROW} lines fit into {spec.height} pixels")
        return spec


def drawn_images(specs: Sequence[DrawingSpec], seed: int) -> tuple[SentImage, ...]:
    """Several JPEG images for each spec."""
    random = Random(seed)
    return tuple(_drawn(spec, variant, random) for spec in specs for variant in range(_VARIANTS))


def _drawn(spec: DrawingSpec, variant: int, random: Random) -> SentImage:
    image = Image.new("RGB", (spec.width, spec.height), _paper(random))
    pen = ImageDraw.Draw(image)
    row = spec.height / max(spec.lines, 1)
    font = ImageFont.load_default(max(8.0, min(row * 0.55, spec.width / 12)))
    for line in range(spec.lines):
        pen.text((spec.width * 0.04, row * (line + 0.5)), _text(spec, font, random), "#1a1d24", font, anchor="lm")
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=90)
    name = f"drawn-{spec.width}x{spec.height}-{spec.lines}-{variant + 1}"
    return SentImage(name, spec.width, spec.height, encoded.getvalue())


def _text(spec: DrawingSpec, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, random: Random) -> str:
    """Words that fill 40 to 90 % of the width."""
    room = spec.width * random.uniform(0.4, 0.9)
    text = _word(random)
    while font.getlength(longer := f"{text} {_word(random)}") < room:
        text = longer
    return text


def _word(random: Random) -> str:
    return "".join(random.choices(_LETTERS, k=random.randint(3, 8)))


def _paper(random: Random) -> tuple[int, int, int]:
    shade = random.randint(225, 255)
    return shade, shade, shade - 8


@dataclass(frozen=True)
class SentImage:
    """One encoded image, in memory, so that no disk is measured.

    Attributes:
        name: of the file, or of the drawing.
        width: pixels.
        height: pixels.
        content: the file.
    """

    name: str
    width: int
    height: int
    content: bytes = field(repr=False)

    @property
    def size_class(self) -> str:
        """Its pixels in steps of a factor of two, such as `0.5 to 1 MP`: few enough for a table."""
        megapixels = self.width * self.height / 1e6
        upper = 0.125
        while megapixels > upper:
            upper *= 2
        return f"{upper / 2:g} to {upper:g} MP"


def load_images(paths: Sequence[str]) -> tuple[SentImage, ...]:
    """Images of files, folders (at any depth) and glob patterns.

    Raises:
        ImagesError: there is none, or one cannot be read.
    """
    found = find_images(paths)
    files, empty = found.paths, found.empty
    if empty or not files:
        raise ImagesError(f"no image in {', '.join(empty or paths)}")
    return tuple(_loaded(file, name) for file, name in zip(files, image_names(files), strict=True))


def _loaded(file: Path, name: str) -> SentImage:
    try:
        with Image.open(file) as image:
            width, height = image.size
        return SentImage(name, width, height, file.read_bytes())
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImagesError(f"{file} cannot be sent: {error}") from error
