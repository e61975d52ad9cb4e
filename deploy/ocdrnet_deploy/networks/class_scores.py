"""The nodes behind a recognizer that scores every class: the best class of each time step and its probability."""

from __future__ import annotations

import numpy as np

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.class_search import first_id, ids_of_classes, search_in_groups
from ocdrnet_deploy.networks.description import NetworkDescription
from ocdrnet_deploy.networks.graph import GraphEdit
from ocdrnet_deploy.networks.signature import TensorSignature, maker


def best_classes(
    edit: GraphEdit,
    scores: str,
    declared: TensorSignature,
    description: NetworkDescription,
    *,
    charset: str = "",
    in_groups: bool = False,
) -> None:
    """Make `output_id` int32 and `output_prob` float32, both [N, T], from scores float32 [N, T, classes].

    Args:
        edit: of the network.
        scores: the tensor's name now.
        declared: what the network said of it.
        description: whether the scores still need a softmax, and which class is the blank.
        charset: name of int32 [K], the ids whose scores alone are there; empty where all classes are.
        in_groups: search many classes group by group, which is faster on a CPU.

    Raises:
        NetworkError: the scores are not [N, T, classes] with a fixed number of classes, are not made by a softmax
            over the classes where the description says so, or have no class of the blank's index.
    """
    classes = _class_count(declared)
    blank = description.blank + classes if description.blank < 0 else description.blank
    ids = _ids(description, classes, blank)
    if not 0 <= blank < classes:
        raise NetworkError(f"the blank is class {description.blank}; the recognizer has {classes}")
    if description.answer != "class-logits":
        _check_softmax(edit, scores, declared.name)
    if in_groups and not charset and ids is None and search_in_groups(edit, scores, classes, blank):
        return
    if description.answer == "class-logits":
        scores = edit.node("Softmax", scores, axis=2 if edit.opset < 13 else -1)
    best = edit.reduce("ReduceMax", scores, keepdims=1)
    edit.reduce("ReduceMax", best, keepdims=0, output="output_prob")  # of one element: it only drops the axis
    if charset:
        first_id(edit, scores, best, charset, classes - 1, output="output_id")
        return
    _first_class(edit, scores, best, classes, ids_of_classes(classes, blank) if ids is None else ids)


def _class_count(declared: TensorSignature) -> int:
    classes = declared.fixed(2)
    if len(declared.dims) != 3 or not classes:
        raise NetworkError(
            f"the recognizer's output {declared.name!r} does not say how many classes it has: "
            f"it is {declared}; it must be [N, T, classes]"
        )
    return classes


def _ids(description: NetworkDescription, classes: int, end: int) -> list[int] | None:
    """Id of each class of a network that ends a text with a class of its own: 1, and the characters from 2 on."""
    if description.card.get("decoder") != "attention" or description.blank == 0:
        return None
    return [1 if index == end else 2 + index - (index > end) for index in range(classes)]


def _first_class(edit: GraphEdit, scores: str, best: str, classes: int, ids: list[int]) -> None:
    """The first class whose score is the best, as its id."""
    indices = edit.constant(np.arange(classes), np.int32)
    if ids == list(range(classes)):
        first_id(edit, scores, best, indices, classes - 1, output="output_id")
        return
    first = first_id(edit, scores, best, indices, classes - 1)
    edit.node("Gather", edit.constant(ids, np.int32), first, output="output_id")


def _check_softmax(edit: GraphEdit, scores: str, name: str) -> None:
    last = maker(edit.model, scores)
    if last is None or last.op_type != "Softmax":
        found = last.op_type if last else "nothing"
        raise NetworkError(
            f"the recognizer's output {name!r} is made by {found}; it must be a Softmax over classes, "
            'or the card must say "class-logits"'
        )
    axis = next((a.i for a in last.attribute if a.name == "axis"), -1 if edit.opset >= 13 else 1)
    if axis not in (-1, 2):
        raise NetworkError(f"the recognizer's softmax runs over axis {axis}; it must be the last, the classes")
