"""Receives one file: goes on after a break, checks its bytes, gives it its name in one step."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import urllib3

from ocdrnet_deploy.errors import ChecksumError, NetworkCacheError
from ocdrnet_deploy.files import record_of, record_sha256, recorded_sha256, sha256_of, write_file
from ocdrnet_deploy.ngc.connection import TransientError, pieces


class PartialFile:
    """Bytes received so far, beside the place where the whole file will stand.

    Args:
        final: that place.
    """

    def __init__(self, final: Path) -> None:
        self.path = final.with_name(f".{final.name}.part")
        # The server's mark of the version of the file that the bytes belong to (RFC 9110, section 8.8).
        self._validator = final.with_name(f".{final.name}.part.version")

    @property
    def size(self) -> int:
        """Bytes that can be gone on from; 0 where the server's file may have changed without anyone noticing."""
        return self.path.stat().st_size if self.path.is_file() and self.validator else 0

    @property
    def validator(self) -> str:
        """Strong ETag, or date of last change, of the file on the server; empty where it gave none."""
        try:
            return self._validator.read_text(encoding="utf-8")
        except OSError:
            return ""

    def request_headers(self) -> dict[str, str]:
        """Ask for what is missing if the server's file is still the same, else for all (RFC 9110, section 13.1.5)."""
        return {"Range": f"bytes={self.size}-", "If-Range": self.validator} if self.size else {}

    def restart(self, response: urllib3.BaseHTTPResponse) -> None:
        """Forget what was received; what comes now belongs to this answer."""
        self.discard()
        write_file(self._validator, validator_of(response))
        self.path.touch()

    def discard(self) -> None:
        """Remove everything."""
        self.path.unlink(missing_ok=True)
        self._validator.unlink(missing_ok=True)

    def place(self, final: Path) -> None:
        """Rename the whole file into place."""
        self.path.chmod(0o644)
        self.path.replace(final)
        self._validator.unlink(missing_ok=True)

    def check_room(self, bytes_to_come: int) -> None:
        """Refuse before a download what could not be stored.

        Raises:
            NetworkCacheError: the disk has not that much room.
        """
        free = shutil.disk_usage(self.path.parent).free
        if bytes_to_come > free:
            reason = f"{bytes_to_come / 1e6:.1f} MB are to come, {free / 1e6:.1f} MB are free"
            raise NetworkCacheError(self.path.parent, reason)


def validator_of(response: urllib3.BaseHTTPResponse) -> str:
    """The strongest mark of a file's version that may stand in `If-Range`; a weak ETag may not."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


# First bytes of an ONNX file: fields 1 to 8 of its ModelProto, as a number or with a length (protobuf's encoding).
_ONNX_FIRST_BYTES = {number << 3 | wire for number in range(1, 9) for wire in (0, 2)}


def place_checked(partial: PartialFile, final: Path, sha256: str = "", *, network: bool) -> None:
    """Check a received file, record its SHA-256 the first time, and rename it into place.

    Args:
        partial: the whole file; removed if it is refused.
        final: its place.
        sha256: that the catalog expects, in hex; where empty, the one recorded at an earlier download.
        network: whether it must be an ONNX file.

    Raises:
        ChecksumError: it is another file than expected.
        OSError: the disk cannot be written.
    """
    found = sha256_of(partial.path)
    expected = sha256 or recorded_sha256(final)
    if expected and found != expected:
        partial.discard()
        raise ChecksumError(
            f"{final.name} was received with SHA-256 {found}, expected is {expected}. It was not kept"
            + ("" if sha256 else f". If the file was published anew, and you trust it, remove {record_of(final)}")
        )
    if network and not _is_onnx(partial.path):
        partial.discard()
        raise ChecksumError(f"what was received as {final.name} is no ONNX file. Is a proxy or login page in between?")
    # The record first: a file in place without one would look unfinished, a record without its file does no harm.
    record_sha256(final, found)
    partial.place(final)


def _is_onnx(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.read(1)
    return bool(first) and first[0] in _ONNX_FIRST_BYTES


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
