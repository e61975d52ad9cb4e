"""Files on their way between callers, the store and the process that draws: bounded, as memory is.

A pod's temporary folder is small, and Kubernetes evicts the pod that fills it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocdrnet_gateway.http_errors import OverloadedError, TooLargeError


class Spool:
    """Counts the bytes that such files may have. It belongs to one event loop."""

    def __init__(self, max_bytes: int) -> None:
        """Start with no file.

        Args:
            max_bytes: of all files at once.
        """
        self.max_bytes = max_bytes
        self._used = 0

    @contextmanager
    def folder(self, size: int) -> Iterator[Path]:
        """A folder for the block, for files of so many bytes.

        Raises:
            TooLargeError: they are more than all files may have.
            OverloadedError: they are more than is free now.
        """
        if size > self.max_bytes:
            raise TooLargeError(
                f"this needs {size:,} bytes of the gateway's temporary folder, and it may take {self.max_bytes:,}"
            )
        if self._used + size > self.max_bytes:
            raise OverloadedError("the gateway's temporary folder is taken by other documents; try again later")
        self._used += size
        try:
            with tempfile.TemporaryDirectory(prefix="ocdrnet-") as folder:
                yield Path(folder)
        finally:
            self._used -= size
