"""What is kept beside an object's bytes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Label:
    """An object's label.

    Attributes:
        content_type: of its bytes.
        expires: seconds since 1970 from which on it is gone.
        description: the owner's own words.
        owner: who may see and delete it, where its space does not tell; see `Caller.owner`.
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
