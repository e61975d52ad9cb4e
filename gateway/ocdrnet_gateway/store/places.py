"""Where an object lies. Nothing that a caller typed ever becomes part of a name: owners are hashed, ids are UUIDs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

Kind = Literal["asset", "result", "job"]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SPACE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Place:
    """The place of one object.

    Attributes:
        kind: what it is.
        space: of its owner, by `space_of`. An object of another owner is not found, since it lies elsewhere.
        id: a UUID, lower case with hyphens.
    """

    kind: Kind
    space: str
    id: str

    def __post_init__(self) -> None:
        """Refuse anything that is no plain name.

        Raises:
            ValueError: the space or the id has another form; a caller's own value is checked before this.
        """
        if not _SPACE.fullmatch(self.space) or not _UUID.fullmatch(self.id):
            raise ValueError("a space has 32 hexadecimal digits, an id is a UUID")

    @property
    def record(self) -> str:
        """Name of the object's label."""
        return f"{self.kind}/{self.space}/{self.id}.json"

    @property
    def content(self) -> str:
        """Name of the object's bytes."""
        return f"{self.kind}/{self.space}/{self.id}.bin"


def place_of_name(name: str) -> Place | None:
    """The place that a label or its bytes belong to; None: it is the name of neither."""
    kind, _, rest = name.partition("/")
    space, _, file = rest.partition("/")
    object_id, _, suffix = file.rpartition(".")
    if kind not in get_args(Kind) or suffix not in ("json", "bin"):
        return None
    try:
        return Place(cast("Kind", kind), space, object_id)
    except ValueError:
        return None


def parse_id(text: str) -> str | None:
    """A UUID in its one canonical spelling; None: the text is no UUID."""
    lower = text.lower()
    return lower if _UUID.fullmatch(lower) else None


def parse_space(text: str) -> str | None:
    """A space as it stands in an address; None: the text is none."""
    return text if _SPACE.fullmatch(text) else None


def space_of(owner: str) -> str:
    """The space of a caller's name: 128 bits of its SHA-256, in hexadecimal."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]
