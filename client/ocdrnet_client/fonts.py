"""Finds fonts that can draw a text, whatever its script.

Pillow's bundled font serves ASCII. Anything else needs a font of the system: fontconfig is asked where it
is installed, otherwise the well-known folders are searched.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from PIL import ImageFont

Font: TypeAlias = ImageFont.FreeTypeFont

_FOLDERS = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("C:/Windows/Fonts", "~/AppData/Local/Microsoft/Windows/Fonts"),
}
_UNIX_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_SUFFIXES = {".ttf", ".ttc", ".otf"}
# Large enough for shapes to differ, small enough to draw at once.
_PROBE_SIZE = 20
# No font may have a glyph for a Unicode noncharacter, so this is drawn as "missing".
_NONCHARACTER = "\U0010ffff"


class FontBook:
    """The fonts in use, asked in the order in which they were found."""

    def __init__(self, search: Callable[[str], Iterable[Path]] | None = None) -> None:
        """Start with Pillow's bundled font.

        Args:
            search: paths of fonts that may have all characters of a text; the system's by default.
        """
        self._search = search or system_fonts
        self._fonts = [_bundled()]
        self._missing: set[str] = set()

    @property
    def missing(self) -> frozenset[str]:
        """Characters asked for so far that no font can draw."""
        return frozenset(self._missing)

    def font_for(self, text: str) -> Font:
        """The first font that has all of the text's characters, or else the one that has most of them."""
        wanted = _visible(text)
        if not any(wanted <= _drawable(font, wanted) for font in self._fonts):
            self._look_for(wanted - self._missing)
        return max(self._fonts, key=lambda font: len(_drawable(font, wanted)))

    def runs(self, text: str) -> list[tuple[str, Font]]:
        """The text in parts, each with a font that has its characters.

        A line of two scripts is often in no font as a whole: then each character is drawn by the font that has most of
        the line, or else by the first that has it. One that none has is written as `U+4F60`, instead of an empty box.
        """
        best = self.font_for(text)
        wanted = _visible(text)
        if wanted <= _drawable(best, wanted):
            return [(text, best)] if text else []
        if lacking := wanted & self._missing:
            named = "".join(f" U+{ord(char):04X} " if char in lacking else char for char in text)
            text = " ".join(named.split())
        has = [(font, _drawable(font, _visible(text))) for font in (best, *self._fonts)]
        parts: list[tuple[str, Font]] = []
        for char in text:
            before, used = parts[-1] if parts else ("", best)
            font = next((font for font, characters in has if char in characters), used)  # a space goes on
            if parts and font is used:
                parts[-1] = (before + char, used)
            else:
                parts.append((char, font))
        return parts

    def _look_for(self, wanted: set[str]) -> None:
        if wanted and self._add_font_with(wanted):
            return
        # No single font has them all, as in a line of two scripts.
        for char in sorted(wanted):
            if not any(_drawable(font, {char}) for font in self._fonts) and not self._add_font_with({char}):
                self._missing.add(char)

    def _add_font_with(self, wanted: set[str]) -> bool:
        opened = map(_opened, self._search("".join(sorted(wanted))))
        font = next((font for font in opened if font and wanted <= _drawable(font, wanted)), None)
        if font is not None:
            self._fonts.append(font)
        return font is not None


def system_fonts(text: str) -> Iterator[Path]:
    """Paths of installed fonts that may have all of the text's characters, sans-serif ones first."""
    paths = _from_fontconfig(text) if shutil.which("fc-list") else _from_folders()
    # A sans-serif face stays readable at small sizes; the name is all there is to tell it by.
    yield from sorted(paths, key=lambda path: ("Sans" not in path.name, "Regular" not in path.name, path.name))


def _from_fontconfig(text: str) -> list[Path]:
    codes = " ".join(f"{ord(char):x}" for char in text)
    command = ["fc-list", f":charset={codes}", "--format=%{file}\n"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return [Path(line) for line in sorted(set(result.stdout.splitlines())) if _is_font(Path(line))]


def _from_folders() -> list[Path]:
    # Unlike Path.expanduser, this raises nothing where there is no home.
    folders = (Path(os.path.expanduser(folder)) for folder in _FOLDERS.get(sys.platform, _UNIX_FOLDERS))
    return [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if _is_font(path)]


def _is_font(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES


def _bundled() -> Font:
    font = ImageFont.load_default(_PROBE_SIZE)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType; install it from a wheel of PyPI")
    return font


@lru_cache(maxsize=512)
def _opened(path: Path) -> Font | None:
    try:
        return ImageFont.truetype(str(path), _PROBE_SIZE)
    except OSError:
        return None


def _visible(text: str) -> set[str]:
    return {char for char in text if char.isprintable() and not char.isspace()}


def _drawable(font: Font, characters: set[str]) -> set[str]:
    blank = bytes(font.getmask(_NONCHARACTER))
    return {char for char in characters if bytes(font.getmask(char)) != blank}
