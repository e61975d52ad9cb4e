"""Finds the images that a command line names, and gives each a name of its own."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff"}
    | {".webp"}
)
WITH_DOCUMENTS = SUFFIXES | {".pdf"}
STANDARD_INPUT = Path("-")
_SHOWN = 3  # suffixes, and links, that a sentence names


@dataclass
class LeftOut:
    """What a folder holds and is not read, so that nobody takes silence for completeness.

    Attributes:
        others: files that are no images by their suffix, by that suffix.
        hidden: files and folders whose name begins with a dot.
        overlays: images that an earlier run drew.
        links: links to folders, which may lead in a circle.
        suffixes: of the files that are read.
    """

    others: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    overlays: int = 0
    links: list[str] = field(default_factory=list)
    suffixes: frozenset[str] = SUFFIXES

    def takes(self, name: str) -> bool:
        """Whether a file of this name is to be read; one that is not is counted."""
        path = Path(name)
        if name.startswith("."):
            self.hidden += 1
        elif path.suffix.lower() not in self.suffixes:
            self.others[path.suffix.lower()] += 1
        elif path.stem.endswith(".overlay"):
            self.overlays += 1
        else:
            return True
        return False

    def __bool__(self) -> bool:
        """Whether anything was left out."""
        return bool(str(self))

    def __str__(self) -> str:
        """A sentence; empty where nothing was left out."""
        others = ", ".join(suffix or "no suffix" for suffix, _ in self.others.most_common(_SHOWN))
        more = ", ..." if len(self.others) > _SHOWN else ""
        links = ", ".join(self.links[:_SHOWN]) + (", ..." if len(self.links) > _SHOWN else "")
        parts = (
            (sum(self.others.values()), f"files of other kinds ({others}{more})"),
            (self.hidden, "hidden ones"),
            (self.overlays, "overlays of earlier runs"),
            (len(self.links), f"links to folders ({links}), which are read if they are named"),
        )
        told = ", ".join(f"{count} {what}" for count, what in parts if count)
        return f"left out: {told}" if told else ""


@dataclass
class FoundImages:
    """What a command line stands for.

    Attributes:
        paths: the files in the order of the arguments, each once; `STANDARD_INPUT` for `-`.
        empty: the arguments that stand for no file.
        left_out: what is in the folders and is not read.
        unlisted: folders that cannot be listed, and why.
    """

    paths: list[Path] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    unlisted: list[tuple[str, str]] = field(default_factory=list)


def find_images(arguments: Iterable[str], suffixes: frozenset[str] = SUFFIXES) -> FoundImages:
    """Files, folders and glob patterns as a list of files.

    Args:
        arguments: a file is taken whatever its suffix, even if it is missing, so that its failure is reported
            like any other; a folder stands for the images in it at any depth, hidden ones left out; a
            pattern may contain `**`; `-` is the standard input.
        suffixes: of the files in a folder that are taken.
    """
    found, known = FoundImages(left_out=LeftOut(suffixes=suffixes)), set()
    for argument in arguments:
        count = 0
        for count, path in enumerate(_expanded(argument, found), 1):  # noqa: B007 -- the last one counts
            if (place := os.path.abspath(path)) not in known:
                known.add(place)
                found.paths.append(path)
        if not count:
            found.empty.append(argument)
    return found


def image_names(paths: list[Path]) -> list[str]:
    """A name for each file: its own, or its path from the current folder where two share a name; `stdin` for `-`."""
    counts = Counter(path.name for path in paths)
    names = (path.name if counts[path.name] == 1 else _relative(path) for path in paths)
    return ["stdin" if path == STANDARD_INPUT else name for path, name in zip(paths, names, strict=True)]


def _expanded(argument: str, found: FoundImages) -> Iterator[Path]:
    path = Path(argument)
    if path.is_dir():
        yield from _in_folder(path, found)
    elif glob.has_magic(argument) and not path.exists():
        yield from _matching(argument)
    else:
        yield path


def _matching(pattern: str) -> Iterator[Path]:
    for match in sorted(glob.glob(pattern, recursive=True)):
        path = Path(match)
        if path.is_file():
            yield path


def _in_folder(folder: Path, found: FoundImages) -> Iterator[Path]:
    def note(error: OSError) -> None:
        found.unlisted.append((str(error.filename), error.strerror or str(error)))

    for parent, folders, files in os.walk(folder, onerror=note):
        shown = sorted(name for name in folders if not name.startswith("."))
        found.left_out.hidden += len(folders) - len(shown)
        found.left_out.links += [os.path.join(parent, name) for name in shown if os.path.islink(Path(parent, name))]
        folders[:] = shown
        yield from (Path(parent, name) for name in sorted(files) if found.left_out.takes(name))


def _relative(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:
        # On Windows there is no way from one drive to another.
        return path.as_posix()
