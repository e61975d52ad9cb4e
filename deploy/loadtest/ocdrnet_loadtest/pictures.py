"""What is sent: pictures from folders, or drawn ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from ocdrnet_client.commands.picture_files import find_pictures, picture_names
from ocdrnet_loadtest.errors import PicturesError


@dataclass(frozen=True)
class Picture:
    """One encoded picture, in memory, so that no disk is measured.

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


def load_pictures(paths: Sequence[str]) -> tuple[Picture, ...]:
    """Pictures of files, folders (at any depth) and glob patterns.

    Raises:
        PicturesError: there is none, or one cannot be read.
    """
    found = find_pictures(paths)
    files, empty = found.paths, found.empty
    if empty or not files:
        raise PicturesError(f"no picture in {', '.join(empty or paths)}")
    return tuple(_loaded(file, name) for file, name in zip(files, picture_names(files), strict=True))


def _loaded(file: Path, name: str) -> Picture:
    try:
        with Image.open(file) as image:
            width, height = image.size
        return Picture(name, width, height, file.read_bytes())
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PicturesError(f"{file} cannot be sent: {error}") from error
