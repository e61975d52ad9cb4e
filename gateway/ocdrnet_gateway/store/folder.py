"""Objects in a local folder."""

from __future__ import annotations

import errno
import io
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.http_errors import StoreFullError, TooLargeError, UnavailableError
from ocdrnet_gateway.store.backend import Label, Stored

_LOG = logging.getLogger(__name__)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class FolderBackend:
    """See `Backend`. Files are readable by the gateway's user alone and appear whole, by renaming."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Make the folder with `check`.

        Args:
            folder: of the gateway's own.
            max_bytes: what all files together may have. Each listing of everything counts them anew, so that
                several gateways on one folder stay near it.
        """
        self._folder = folder
        self.max_bytes = max_bytes
        self._lock = threading.Lock()
        self._used = 0

    def check(self) -> None:
        """See `Backend.check`."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise SettingsError(
                f"store {self._folder} cannot be written: {error.strerror}; choose another folder"
            ) from None
        list(self.listing(""))

    def write(self, name: str, data: bytes) -> None:
        """See `Backend.write`."""
        self._write(name, io.BytesIO(data), len(data))

    def write_file(self, name: str, path: Path) -> None:
        """See `Backend.write_file`."""
        with open(path, "rb") as source:
            self._write(name, source, os.fstat(source.fileno()).st_size)

    def read_file(self, name: str, path: Path) -> bool:
        """See `Backend.read_file`."""
        try:
            with open(self._folder / name, "rb") as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _failure("read", error) from error
        return True

    def read(self, name: str, max_bytes: int | None = None) -> bytes | None:
        """See `Backend.read`."""
        try:
            with open(self._folder / name, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if max_bytes is not None and size > max_bytes:
                    raise TooLargeError(f"the image has {size:,} bytes; the limit is {max_bytes:,}")
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _failure("read", error) from error

    def exists(self, name: str) -> bool:
        """See `Backend.exists`."""
        return (self._folder / name).exists()

    def remove(self, name: str) -> None:
        """See `Backend.remove`."""
        path = self._folder / name
        size = _size(path)
        try:
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise _failure("written", error) from error
        self._count(-size)

    def listing(self, prefix: str) -> Iterator[Stored]:
        """See `Backend.listing`."""
        found = list(self._walk(prefix))
        if not prefix:
            with self._lock:
                self._used = sum(stored.size for stored in found)
        return iter(found)

    def upload_url(self, name: str, label: Label, lifetime_s: float) -> str | None:
        """See `Backend.upload_url`."""
        return None

    def _write(self, name: str, source: BinaryIO, size: int) -> None:
        path = self._folder / name
        growth = self._take_room(path, size)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _replace(path, source)
        except OSError as error:
            self._count(-growth)
            if error.errno in _NO_ROOM:
                raise StoreFullError("the store's disk is full; try again later", 60, size) from None
            raise _failure("written", error) from error

    def _walk(self, prefix: str) -> Iterator[Stored]:
        for parent, _, files in os.walk(self._folder / prefix):
            for file in files:
                path = Path(parent, file)
                # A file may vanish between its listing and now.
                with suppress(FileNotFoundError):
                    state = path.stat()
                    yield Stored(path.relative_to(self._folder).as_posix(), state.st_mtime, state.st_size)

    def _take_room(self, path: Path, size: int) -> int:
        growth = size - _size(path)
        with self._lock:
            if growth > 0 and self._used + growth > self.max_bytes:
                raise StoreFullError(
                    f"the store has no room for {size:,} bytes more: {self.max_bytes:,} bytes are its limit;"
                    " try again when older assets have expired",
                    60,
                    self._used + growth - self.max_bytes,
                )
            self._used += growth
        return growth

    def _count(self, growth: int) -> None:
        with self._lock:
            self._used += growth


def _failure(what: str, error: OSError) -> UnavailableError:
    # A path may tell a caller's space, so that it stays out of the answer and out of the log.
    _LOG.error("the store failed", extra={"what": what, "reason": error.strerror})
    return UnavailableError(f"the store cannot be {what}; the gateway's log has the reason", 5)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Mostly it is not there; of anything else the write or removal that follows complains.
        return 0


def _replace(path: Path, source: BinaryIO) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with open(handle, "wb") as file:
            shutil.copyfileobj(source, file)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
