"""The input that a graph declares against the one that its description expects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import onnx

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.description import NetworkDescription
from ocdrnet_deploy.networks.signature import TensorSignature, image_input


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
