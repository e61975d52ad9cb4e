"""Finds a network by its name in the catalog or by its path, and checks its input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx.checker import ValidationError

from ocdrnet_deploy.catalog.catalog import CatalogEntry, find_network
from ocdrnet_deploy.catalog.description import Kind, NetworkDescription
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.files import sha256_of
from ocdrnet_deploy.graphs.signature import TensorSignature, image_input
from ocdrnet_deploy.networks import weights
from ocdrnet_deploy.networks.description_file import character_count, read_description
from ocdrnet_deploy.networks.propose import propose_description


def fit_input(model: onnx.ModelProto, description: NetworkDescription, *, graph_wins: bool) -> NetworkDescription:
    """The description with the batch, and maybe the size, that the graph is fixed at.

    Args:
        model: the network.
        description: of it.
        graph_wins: take another fixed size from the graph. The catalog knows a network's usual size, the file its
            own; what a user's card says is refused instead.

    Raises:
        NetworkError: the graph's input has another fixed size, or is fixed at a batch of several.
    """
    found = image_input(model)
    batch = found.fixed(0)
    if batch > 1:
        raise NetworkError(f"the network's input {found} is fixed at batches of {batch}; it must be free, or one image")
    sizes = {
        name: _size(found, axis, name, description.card, graph_wins=graph_wins)
        for axis, name in ((2, "height"), (3, "width"))
    }
    card = description.card | {name: size for name, size in sizes.items() if size}
    return replace(description, max_batch=batch or description.max_batch, card=card)


def _size(found: TensorSignature, axis: int, name: str, card: dict[str, Any], *, graph_wins: bool) -> int:
    declared, wanted = found.fixed(axis), card.get(name, 0)
    if not isinstance(wanted, int):
        raise NetworkError(f"the card's {name} is {wanted!r}; it must be an integer")
    if not declared or declared == wanted:
        return wanted
    if graph_wins and wanted:
        return declared
    raise NetworkError(
        f"the network's input {found} is fixed at a {name} of {declared}; the card's is {wanted or 'free'}"
    )


@dataclass(frozen=True)
class FoundNetwork:
    """A network before it is adapted.

    Attributes:
        model: its graph, as it was trained.
        description: of it.
        provenance: `name`, `source`, `license` and `sha256` of its card.
    """

    model: onnx.ModelProto
    description: NetworkDescription
    provenance: dict[str, str]


def find_described(kind: Kind, name_or_path: str, card_file: Path | None) -> FoundNetwork:
    """Find a network and its description.

    Args:
        kind: that is needed.
        name_or_path: a name in the catalog, or the path of an ONNX file.
        card_file: description of the latter; proposed from the graph when left out.

    Raises:
        BuildError: it is unknown, missing, or fits no contract.
    """
    if is_path(name_or_path):
        return _own(kind, Path(name_or_path), card_file)
    if card_file is not None:
        raise NetworkError(f"{name_or_path} is a network of the catalog, which has its card; a card goes with a path")
    return _of_catalog(find_network(kind, name_or_path))


def is_path(name_or_path: str) -> bool:
    """Whether a file is meant, not a name in the catalog."""
    return name_or_path.endswith(".onnx") or "/" in name_or_path


def load_graph(path: Path) -> onnx.ModelProto:
    """Read an ONNX file.

    Raises:
        NetworkError: it cannot be read, or is no ONNX.
    """
    try:
        model = onnx.load(path, format="protobuf")  # said, or a name that ends in .json would choose another reader
    except (OSError, DecodeError, ValidationError, ValueError) as error:
        raise NetworkError(f"{path} cannot be read as ONNX: {error}") from None
    if not model.graph.node or not model.graph.output:
        raise NetworkError(f"{path} is no ONNX network: it has no nodes or no outputs")
    return model


def _own(kind: Kind, path: Path, card_file: Path | None) -> FoundNetwork:
    model = load_graph(path)
    if card_file:
        described = read_description(card_file, kind, partial(character_count, model))
    else:
        described = propose_description(model, kind).description
    provenance = {"name": path.stem, "source": path.name, "license": "the user's own", "sha256": sha256_of(path)}
    return FoundNetwork(model, fit_input(model, described, graph_wins=False), provenance)


def _of_catalog(entry: CatalogEntry) -> FoundNetwork:
    path = weights.find_weights(entry)
    model = load_graph(path)
    description = fit_input(model, entry.description, graph_wins=True)
    listed = weights.character_list(entry, character_count(model, description))
    if listed:
        description = replace(description, card=description.card | {"characters": listed})
    provenance = {"name": entry.name, "source": str(entry.source), "license": entry.license}
    return FoundNetwork(model, description, provenance | {"sha256": entry.sha256 or sha256_of(path)})
