"""What keeps named bytes and the label beside them; all that a store needs of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Label:
    """An object's label.

    Attributes:
        content_type: of its bytes.
        expires: seconds since 1970 from which on it is gone.
        description: the owner's own words.
        owner: who may see and delete it, where its space does not tell; see `Principal.owner`.
        payer: whose share of the store it uses, likewise.
    """

    content_type: str
    expires: float
    description: str = ""
    owner: str = ""
    payer: str = ""

    def to_json(self) -> bytes:
        """As it is kept."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Label | None:
        """The inverse of `to_json`; None: the bytes are no label."""
        try:
            fields = json.loads(data)
            words = (str(fields.get(name, "")) for name in ("description", "owner", "payer"))
            return cls(str(fields["content_type"]), float(fields["expires"]), *words)
        except (ValueError, TypeError, LookupError, AttributeError):
            return None


@dataclass(frozen=True)
class Stored:
    """One named object.

    Attributes:
        name: with slashes.
        modified: seconds since 1970.
        size: bytes.
    """

    name: str
    modified: float
    size: int


class Backend(Protocol):
    """Blocking, and safe to call from several threads. Every method may raise UnavailableError."""

    @property
    def max_bytes(self) -> int | None:
        """What all objects together may have; None: no limit."""

    def check(self) -> None:
        """Find out at the start whether it can be used.

        Raises:
            SettingsError: it cannot; the text says why.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write or replace; whoever reads meanwhile gets the old bytes or the new ones, never a mixture.

        Raises:
            StoreFullError: there is no room.
        """

    def read(self, name: str, max_bytes: int | None = None) -> bytes | None:
        """The bytes; None: there is no such name.

        Raises:
            TooLargeError: there are more than `max_bytes`.
        """

    def write_file(self, name: str, path: Path) -> None:
        """`write` of a file's bytes, which need not fit into memory.

        Raises:
            StoreFullError: there is no room.
        """

    def read_file(self, name: str, path: Path) -> bool:
        """Write the bytes into a local file; False: there is no such name, and no file was made."""

    def exists(self, name: str) -> bool:
        """Whether there is such a name."""

    def remove(self, name: str) -> None:
        """Delete; a name that is not there is no error."""

    def listing(self, prefix: str) -> Iterable[Stored]:
        """Everything below a prefix that ends with a slash, or everything for an empty one."""

    def upload_url(self, name: str, label: Label, lifetime_s: float) -> str | None:
        """A pre-signed URL by which a caller writes straight to it; None: callers write through the gateway."""
