"""One attempt at a file: asks for what is missing, appends what comes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

import urllib3

from ocdrnet_deploy.ngc.connection import pieces
from ocdrnet_deploy.ngc.partial import PartialFile, validator_of
from ocdrnet_deploy.ngc.retries import TransientError

_PIECE = 1 << 18


@dataclass(frozen=True)
class Stretch:
    """The part of a file that an answer brings.

    Attributes:
        start: first byte, from 0.
        total: bytes of the whole file; None where the server does not say.
    """

    start: int
    total: int | None


def receive(
    open_file: Callable[[dict[str, str]], urllib3.BaseHTTPResponse],
    partial: PartialFile,
    on_bytes: Callable[[int, int | None], None],
) -> None:
    """Bring a partial file to its end.

    Args:
        open_file: asks for it with these headers; the answer has status 200, 206 or 416.
        partial: what is there so far; kept, with what this attempt adds, when the attempt fails.
        on_bytes: told the bytes there and in all, after each piece.

    Raises:
        DownloadError: the server refuses, or the disk has no room.
        OSError: the disk cannot be written.
        TransientError: the connection failed or the body ended early; it may work in a while.
    """
    response = open_file(partial.request_headers())
    try:
        if response.status == 416:
            _settle_unsatisfied(response, partial)
            return
        stretch = _stretch(response, partial)
        if stretch.start == 0:
            partial.restart(response)
        if stretch.total is not None:
            partial.check_room(stretch.total - stretch.start)
        _append(response, partial, stretch, on_bytes)
    finally:
        response.close()


def _stretch(response: urllib3.BaseHTTPResponse, partial: PartialFile) -> Stretch:
    """Where the answer's bytes belong: from the start, unless the server honours the range that was asked for."""
    if response.status != 206:
        return Stretch(0, _number(response.headers.get("Content-Length")))
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    same = validator_of(response) in ("", partial.validator)
    if match is None or int(match[1]) != partial.size or not same:
        partial.discard()
        raise TransientError("the server sent another part of the file than asked for")
    return Stretch(partial.size, _number(match[2]))


def _settle_unsatisfied(response: urllib3.BaseHTTPResponse, partial: PartialFile) -> None:
    """Nothing comes after the last byte: right if the file is whole, else it is another file now."""
    if not partial.size or response.headers.get("Content-Range", "") != f"bytes */{partial.size}":
        partial.discard()
        raise TransientError("the server's file is shorter than what was received")


def _append(
    response: urllib3.BaseHTTPResponse,
    partial: PartialFile,
    stretch: Stretch,
    on_bytes: Callable[[int, int | None], None],
) -> None:
    done = stretch.start
    with partial.path.open("ab") as file:
        for piece in pieces(response, _PIECE):
            file.write(piece)
            file.flush()  # what has arrived outlives a killed process
            done += len(piece)
            on_bytes(done, stretch.total)
        os.fsync(file.fileno())
    if stretch.total is not None and done != stretch.total:
        raise TransientError(f"the file ended after {done} of {stretch.total} bytes")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
