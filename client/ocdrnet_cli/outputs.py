"""Where `ocdrnet read` writes what it read: the standard output, one file, or a file for each input in a folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from ocdrnet_client.documents.formats import FORMATS
from ocdrnet_client.errors import InvalidRequestError

PDF = "pdf"
OUTPUT_FORMATS = (*FORMATS, PDF)
_FOLLOWING = ("text", "json", "jsonl", "markdown")  # of which several make one stream


class FileNames:
    """Names of the files in one folder, each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, name: str, suffix: str) -> str:
        """A name that was not given yet.

        Args:
            name: of an input; its folders become part of the name, its own suffix does not.
            suffix: of the file.
        """
        stem = "_".join(part for part in Path(name).with_suffix("").parts if part not in ("..", "/", "\\"))
        free, count = f"{stem}{suffix}", 1
        # Case is ignored, since some file systems do.
        while free.lower() in self._taken:
            count += 1
            free = f"{stem}-{count}{suffix}"
        self._taken.add(free.lower())
        return free


class Target:
    """The place for the results of one run."""

    def __init__(self, format_name: str, output: Path | None, inputs: int) -> None:
        """Check that the results have a place.

        Args:
            format_name: of `OUTPUT_FORMATS`.
            output: a file for one input, or a folder; the standard output if None.
            inputs: how many there are.

        Raises:
            click.UsageError: several results would have to share one stream or file that can hold one only.
        """
        self.format_name = format_name
        self._suffix = ".pdf" if format_name == PDF else FORMATS[format_name].suffix
        self._output = output
        self._is_folder = output is not None and (output.is_dir() or inputs > 1)
        self._names = FileNames()
        if output is None and format_name == PDF and sys.stdout.isatty():
            raise click.UsageError(f"{format_name} is no text for a terminal; give --output FILE")
        if output is None and inputs > 1 and format_name not in _FOLLOWING:
            raise click.UsageError(f"{inputs} results as {format_name} need a file each; give --output FOLDER")
        if output and inputs > 1 and output.exists() and not output.is_dir():
            raise click.UsageError(f"there are {inputs} inputs, and {output} is a file; give --output FOLDER")

    @property
    def is_stream(self) -> bool:
        """Results follow each other on the standard output."""
        return self._output is None

    def path_for(self, name: str, source: Path | None) -> Path:
        """The file for an input's result, another one for each.

        Args:
            name: of the input in this run.
            source: its path, which is never overwritten.

        Raises:
            InvalidRequestError: it is the input itself.
        """
        assert self._output is not None
        path = self._output / self._names.free(name, self._suffix) if self._is_folder else self._output
        if source and path.exists() and source.exists() and path.samefile(source):
            raise InvalidRequestError(f"the result would replace the input {path}; give another --output")
        return path


@contextmanager
def written_whole(path: Path) -> Iterator[TextIO]:
    """A text file that takes its place when all is written: what was there before stays until then.

    Raises:
        InvalidRequestError: it cannot be written.
    """
    making = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, making = tempfile.mkstemp(dir=path.parent, prefix=".ocdrnet-", suffix=path.suffix)
        with open(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
        os.chmod(making, 0o666 & ~_umask())
        os.replace(making, path)
    except OSError as error:
        raise InvalidRequestError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if making and os.path.exists(making):
            os.unlink(making)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
