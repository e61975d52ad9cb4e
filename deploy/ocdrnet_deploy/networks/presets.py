"""Pairs of a detector and a recognizer that go well together, by name: `presets` in `catalog.json`."""

from __future__ import annotations

from dataclasses import dataclass

from ocdrnet_deploy.errors import UnknownPresetError
from ocdrnet_deploy.networks.catalog import catalog_data


@dataclass(frozen=True)
class Preset:
    """A named pair; any other detector and recognizer combine as well.

    Attributes:
        name: as on the command line.
        about: what it is good for.
        detector: its name in the catalog.
        recognizer: its name in the catalog.
    """

    name: str
    about: str
    detector: str
    recognizer: str


def presets() -> list[Preset]:
    """Every preset, in the catalog's order."""
    return [Preset(name, **fields) for name, fields in catalog_data()["presets"].items()]


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownPresetError: there is none.
    """
    known = {preset.name: preset for preset in presets()}
    if name not in known:
        raise UnknownPresetError(f"there is no preset named {name!r}; known are {', '.join(known)}")
    return known[name]
