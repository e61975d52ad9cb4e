"""A recognizer cut to some of its characters: its last layer scores only those, so it is smaller and faster."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import onnx

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.class_layer import find_class_layer, narrowed, scores_behind
from ocdrnet_deploy.networks.description import NetworkDescription
from ocdrnet_deploy.networks.graph import GraphEdit
from ocdrnet_deploy.networks.signature import outputs


def cut_classes(
    model: onnx.ModelProto, description: NetworkDescription, kept: npt.NDArray[np.bool_]
) -> tuple[onnx.ModelProto, NetworkDescription]:
    """Drop the classes of characters that are not kept; the others keep their order, and the blank its place.

    Args:
        model: a CTC recognizer before it is adapted.
        description: of it; its card's characters are left as they are.
        kept: bool [characters].

    Returns:
        The smaller network, and its description: a blank in the middle has another index.

    Raises:
        NetworkError: the recognizer is no CTC, or its last layer is not one that can be cut.
    """
    if description.card.get("decoder") == "attention":
        raise NetworkError("an attention recognizer cannot be cut: its characters are fed back from step to step")
    layer = find_class_layer(model, _scores(model, description))
    classes = len(kept) + 1
    if layer.classes != classes:
        raise NetworkError(f"the recognizer's last layer has {layer.classes} classes; {classes} are needed")
    blank = description.blank % classes
    columns = np.flatnonzero(np.insert(kept, blank, True))  # the blank's class among those of the characters
    edit = GraphEdit(model)
    narrowed(edit, layer, columns)
    if description.answer != "ids":
        edit.graph.output[0].type.tensor_type.shape.dim[2].dim_value = len(columns)
    return edit.model, replace(description, blank=int(np.searchsorted(columns, blank)))


def _scores(model: onnx.ModelProto, description: NetworkDescription) -> str:
    if description.answer != "ids":
        return outputs(model)[0].name
    found = {scores_behind(model, name) for name in ("output_id", "output_prob")}
    if len(found) != 1 or "" in found:
        raise NetworkError("the recognizer's ids and probabilities are not chosen from one softmax; it cannot be cut")
    return found.pop()
