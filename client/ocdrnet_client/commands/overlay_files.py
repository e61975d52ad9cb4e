"""Writes overlays into a folder, one file per picture."""

from __future__ import annotations

import warnings
from pathlib import Path

from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.fonts import FontBook
from ocdrnet_client.overlay import MissingGlyphsWarning, draw_overlay
from ocdrnet_client.results import Page

_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
# JPEG's limit for either side, in pixels.
_LARGEST_JPEG = 65_500


class OverlayFolder:
    """A folder that gives each overlay a name of its own within this run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: set[str] = set()
        self._fonts = FontBook()

    def write(self, source: Path | bytes, name: str, page: Page) -> list[str]:
        """Draw the page over its picture and save it: JPEG for a JPEG, PNG for anything else.

        Args:
            source: the picture's file, or its bytes.
            name: the picture's name in this run; its folders become part of the overlay's name.
            page: what was read.

        Returns:
            Warnings for the user, such as fonts to install.

        Raises:
            InvalidRequestError: the picture cannot be drawn over, or the overlay cannot be written.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", MissingGlyphsWarning)
            overlay = draw_overlay(source, page, fonts=self._fonts)
        is_jpeg = _is_jpeg(source) and max(overlay.size) <= _LARGEST_JPEG
        path = self._folder / self._free_name(name, ".jpg" if is_jpeg else ".png")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            overlay.save(path, quality=92) if is_jpeg else overlay.save(path, compress_level=1)
        except OSError as error:
            raise InvalidRequestError(f"cannot write {path}: {error.strerror or error}") from error
        return [str(entry.message) for entry in caught if entry.category is MissingGlyphsWarning]

    def _free_name(self, name: str, suffix: str) -> str:
        stem = "_".join(part for part in Path(name).with_suffix("").parts if part not in ("..", "/", "\\"))
        free, count = f"{stem}.overlay{suffix}", 1
        # Case is ignored, since some file systems do.
        while free.lower() in self._taken:
            count += 1
            free = f"{stem}-{count}.overlay{suffix}"
        self._taken.add(free.lower())
        return free


def _is_jpeg(source: Path | bytes) -> bool:
    if isinstance(source, bytes):
        return source.startswith(b"\xff\xd8\xff")
    return source.suffix.lower() in _JPEG_SUFFIXES
