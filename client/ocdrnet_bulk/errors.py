"""What ends a bulk run; an image that fails does not.

OcdrnetError
└── BulkError
    ├── SourceError      the source cannot be listed, or holds no image
    ├── OutputError      the output cannot be read or written
    ├── ManifestError    the output belongs to a run with another source or other options
    ├── ShardBusyError   another process works on the shard
    └── ServerGoneError  the server stayed away for longer than allowed; the run can go on later
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ocdrnet_client.errors import OcdrnetError


class BulkError(OcdrnetError):
    """Root of what this package raises on purpose; the text says what to do."""


class SourceError(BulkError):
    """The source cannot be listed, or holds no image."""


class OutputError(BulkError):
    """The output cannot be read or written."""


class ManifestError(BulkError):
    """The output belongs to a run with another source or other options."""


class ShardBusyError(BulkError):
    """Another process works on the shard."""


class ServerGoneError(BulkError):
    """The server stayed away for longer than allowed."""


@contextlib.contextmanager
def writing(place: object) -> Iterator[None]:
    """A full disk, or another fault of the system while a file is written, as `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror or error}") from error
