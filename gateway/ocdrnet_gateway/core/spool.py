"""Files on their way between callers, the store and the process that draws: bounded, as memory is.

A pod's temporary folder is small, and Kubernetes evicts the pod that fills it.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocdrnet_gateway.http_errors import OverloadedError, QuotaError, TooLargeError

_CALLERS = 3  # that find room at once, or two beside the largest job
_AGAIN_S = 5


class Spool:
    """Counts the bytes that such files may have. It belongs to one event loop."""

    def __init__(self, max_bytes: int) -> None:
        """Start with no file.

        Args:
            max_bytes: of all files at once.
        """
        self.max_bytes = max_bytes
        self._used = 0
        self._taken = Counter[str]()

    @contextmanager
    def folder(self, size: int, payer: str = "") -> Iterator[Path]:
        """A folder for the block, for files of so many bytes.

        Args:
            size: of all files in it.
            payer: whose request they are for, which share a third of all, or have one folder; empty: no one's.

        Raises:
            TooLargeError: they are more than all files may have.
            QuotaError: with the caller's other files they are more than its share.
            OverloadedError: they are more than is free now.
        """
        if size > self.max_bytes:
            raise TooLargeError(
                f"this needs {size:,} bytes of the gateway's temporary folder, and it may take {self.max_bytes:,}"
            )
        taken = self._taken[payer] if payer else 0
        if taken and taken + size > self.max_bytes // _CALLERS:
            raise QuotaError(
                f"your other uploads and downloads take {taken:,} bytes of the gateway's temporary folder, and"
                f" {self.max_bytes // _CALLERS:,} are one caller's share; try again when they are done",
                _AGAIN_S,
            )
        if self._used + size > self.max_bytes:
            raise OverloadedError("the gateway's temporary folder is taken by other documents; try again later")
        self._used += size
        self._taken[payer] += size
        try:
            with tempfile.TemporaryDirectory(prefix="ocdrnet-") as folder:
                yield Path(folder)
        finally:
            self._used -= size
            self._taken[payer] -= size
            self._taken = +self._taken  # of callers that are gone nothing is kept
