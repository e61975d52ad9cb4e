"""Finds the pictures that a command line names, and gives each a name of its own."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = frozenset({".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def find_pictures(arguments: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Files, folders and glob patterns as a list of files.

    Args:
        arguments: a file is taken whatever its suffix, even if it is missing, so that its failure is reported
            like any other; a folder stands for the pictures in it at any depth, hidden ones left out; a
            pattern may contain `**`.

    Returns:
        The files in the order of the arguments, each once; and the arguments that stand for no file.
    """
    found: dict[str, Path] = {}
    empty = []
    for argument in arguments:
        paths = list(_expanded(argument))
        found.update({os.path.abspath(path): path for path in paths if os.path.abspath(path) not in found})
        if not paths:
            empty.append(argument)
    return list(found.values()), empty


def picture_names(paths: list[Path]) -> list[str]:
    """A name for each file: its own, or its path from the current folder where two share a name."""
    counts = Counter(path.name for path in paths)
    return [path.name if counts[path.name] == 1 else _relative(path) for path in paths]


def _expanded(argument: str) -> Iterator[Path]:
    path = Path(argument)
    if path.is_dir():
        yield from _in_folder(path)
    elif glob.has_magic(argument) and not path.exists():
        yield from _matching(argument)
    else:
        yield path


def _matching(pattern: str) -> Iterator[Path]:
    for match in sorted(glob.glob(pattern, recursive=True)):
        path = Path(match)
        if path.is_file():
            yield path


def _in_folder(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if _is_picture(name))


def _is_picture(name: str) -> bool:
    """Whether a folder's file is to be read; an earlier run's overlays are not."""
    path = Path(name)
    return not name.startswith(".") and path.suffix.lower() in SUFFIXES and not path.stem.endswith(".overlay")


def _relative(path: Path) -> str:
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:
        # On Windows there is no way from one drive to another.
        return path.as_posix()
