"""What a download tells whoever watches it."""

from __future__ import annotations


class DownloadWatcher:
    """Told how a download goes; this one keeps silent. Subclasses override what they show."""

    def started(self, name: str) -> None:
        """A file's download begins, or goes on."""

    def received(self, done: int, total: int | None) -> None:
        """So many bytes of the file are on this machine; `total` where the server says how many it has."""

    def ended(self, name: str) -> None:
        """The file's download ended, whole or not."""

    def waiting(self, reason: str, seconds: float) -> None:
        """An attempt failed; the next begins in so many seconds."""

    def waiting_for_another(self, name: str) -> None:
        """Another process is downloading the same file."""
