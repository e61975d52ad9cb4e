"""A file that is arriving: its bytes so far, and what is needed to go on after a break."""

from __future__ import annotations

import shutil
from pathlib import Path

import urllib3

from ocdrnet_deploy.errors import NetworkCacheError
from ocdrnet_deploy.repository.files import write_file


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
