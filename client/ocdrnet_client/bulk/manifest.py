"""What the first run fixes for all later ones: source, options, shards, and which pictures each shard holds."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from ocdrnet_client.bulk.errors import ManifestError
from ocdrnet_client.bulk.store import Store

_NAME = "manifest.json"
_VERSION = 1


@dataclass(frozen=True)
class Settings:
    """What must be the same in every run on one output.

    Attributes:
        source: the source's absolute name.
        digest: of a list's content, None where the source is no list.
        output_format: `jsonl` or `parquet`.
        shards: how many, 1 or more.
        parameters: the options of every request.
    """

    source: str
    digest: str | None
    output_format: str
    shards: int
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Manifest:
    """A run's settings and its pictures, which lie in one list per shard.

    Attributes:
        run: random; tells runs on one output apart.
        settings: see `Settings`.
        pictures: in all shards together.
        started: when, ISO 8601 with time zone.
    """

    run: str
    settings: Settings
    pictures: int
    started: str

    def bounds(self, shard: int) -> tuple[int, int]:
        """First picture of a shard and the one after its last; sizes differ by 1 at most."""
        count, shards = self.pictures, self.settings.shards
        return shard * count // shards, (shard + 1) * count // shards

    def size(self, shard: int) -> int:
        """Pictures in a shard."""
        first, end = self.bounds(shard)
        return end - first

    def part(self, shard: int) -> str:
        """A shard's file name without its suffix."""
        return f"part-{shard:05}-of-{self.settings.shards:05}"

    def inputs_name(self, shard: int) -> str:
        """The shard's list of pictures: JSON strings, one a line."""
        return f"inputs/{self.run}/{self.part(shard)}.jsonl"

    def to_json(self) -> str:
        """As it is stored."""
        head = {"format": "ocdrnet-bulk", "version": _VERSION}
        return json.dumps(head | dataclasses.asdict(self), indent=2) + "\n"


def load_manifest(store: Store) -> Manifest | None:
    """The output's manifest, None before the first run.

    Raises:
        ManifestError: it is none of this version.
        OutputError: it cannot be read.
    """
    content = store.read(_NAME)
    if content is None:
        return None
    try:
        data = json.loads(content)
        if (data.pop("format"), data.pop("version")) != ("ocdrnet-bulk", _VERSION):
            raise ValueError(f"not format ocdrnet-bulk, version {_VERSION}")
        return Manifest(**data | {"settings": Settings(**data["settings"])})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{_NAME} in {store.name} cannot be used: {error}; take another --output, or --restart"
        ) from error


def check_settings(manifest: Manifest, given: Settings) -> None:
    """Refuse a run that is not the one that began.

    Raises:
        ManifestError: names each difference.
    """
    began, now = dataclasses.asdict(manifest.settings), dataclasses.asdict(given)
    changed = [_difference(name, began[name], now[name]) for name in began if began[name] != now[name]]
    if changed:
        raise ManifestError(
            f"the output belongs to another run: {'; '.join(changed)}; take another --output, or --restart"
        )


def _difference(name: str, before: object, now: object) -> str:
    if name == "digest":
        return "the list of pictures has changed since"
    return f"{name.replace('output_', '')} was {before!r}, now {now!r}"
