"""The nodes behind a recognizer that scores every class: the best class of each time step and its probability.

Two ways to find the best class of each time step: among all classes at once, and group by group.

Behind a large last layer the search costs as much as the layer: each pass over [N, T, 18,710] scores is memory traffic.
In groups the scores are read three times instead of seven: for the best of each group, for the softmax's sum, and once
more in the one group that holds the best.
"""

from __future__ import annotations

import numpy as np

from ocdrnet_deploy.catalog.description import NetworkDescription
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.class_layer import ClassLayer, find_class_layer
from ocdrnet_deploy.graphs.graph import GraphEdit
from ocdrnet_deploy.graphs.signature import TensorSignature, maker

GROUP = 128  # classes; between 64 and 256 the time is the same
FEWEST_CLASSES = 1024  # with fewer the plain search is as fast
_NEVER = -1e9  # score of the classes that fill the last group


def first_id(
    edit: GraphEdit, scores: str, best: str, ids: str, highest: int, keepdims: int = 0, output: str = ""
) -> str:
    """The lowest of the ids whose score is the best: an ArgMax that does not sort.

    OpenVINO runs ArgMax as a top-k over all classes, which took 10 ms of a 1.6 ms network for one small crop.

    Args:
        edit: of the network.
        scores: name of float32 [..., K].
        best: name of their maximum, float32 [..., 1].
        ids: name of int32 [K].
        highest: of them.
        keepdims: 1 to keep the last axis.
        output: name to give the result.
    """
    candidates = edit.node("Where", edit.node("Equal", scores, best), ids, edit.constant(highest, np.int32))
    return edit.reduce("ReduceMin", candidates, keepdims=keepdims, output=output)


def search_in_groups(edit: GraphEdit, scores: str, classes: int, blank: int) -> bool:
    """Make `output_id` and `output_prob` as `class_scores.best_classes` does, with fewer passes over the scores.

    Args:
        edit: of the network.
        scores: name of float32 [N, T, classes], before or behind a softmax.
        classes: how many there are.
        blank: index of the CTC blank among them, which becomes id 0.

    Returns:
        Whether it was done; a network with few classes, or whose last layer cannot be filled up, is left as it is.
    """
    if classes < FEWEST_CLASSES:
        return False
    try:
        layer = find_class_layer(edit.model, scores)
    except NetworkError:
        return False
    if len(layer.tensors) < 2:  # without a bias nothing keeps the filling from being chosen
        return False
    last = maker(edit.model, scores)
    logits = last.input[0] if last is not None and last.op_type == "Softmax" else scores
    groups = -(-classes // GROUP)
    _fill_up(edit, layer, groups * GROUP)
    grouped = edit.reshape(logits, [0, 0, groups, GROUP])
    best_of_group = edit.reduce("ReduceMax", grouped, keepdims=0)
    best = edit.reduce("ReduceMax", best_of_group, keepdims=1)
    _probability(edit, logits, best)
    index = _index(edit, grouped, best_of_group, best, groups)
    if blank == 0:
        edit.reduce("ReduceMin", index, keepdims=0, output="output_id")  # of one element: it only drops the axis
    else:
        ids = edit.constant(ids_of_classes(classes, blank) + [0] * (groups * GROUP - classes), np.int32)
        edit.node("Gather", ids, edit.reduce("ReduceMin", index, keepdims=0), output="output_id")
    return True


def ids_of_classes(classes: int, blank: int) -> list[int]:
    """Id of each class: the blank's is 0, and those before it move up by one."""
    return [0 if index == blank else index + (index < blank) for index in range(classes)]


def _fill_up(edit: GraphEdit, layer: ClassLayer, classes: int) -> None:
    """Give the last layer classes that never win."""
    for tensor, value in zip(layer.tensors, (0.0, _NEVER), strict=True):
        padding = [(0, 0)] * tensor.value.ndim
        padding[tensor.axis] = (0, classes - layer.classes)
        filled = np.pad(tensor.value, padding, constant_values=value)
        edit.graph.node[tensor.node].input[tensor.position] = edit.constant(filled, filled.dtype.type)
    edit.drop_unread_weights()
    del edit.graph.value_info[:]  # some state the old number of classes; the engine infers its own


def _probability(edit: GraphEdit, logits: str, best: str) -> None:
    """The softmax at the best class: its own exponential is 1, so it is 1 over the sum of all."""
    exponentials = edit.node("Exp", edit.node("Sub", logits, best))
    edit.node("Reciprocal", edit.reduce("ReduceSum", exponentials, keepdims=0), output="output_prob")


def _index(edit: GraphEdit, grouped: str, best_of_group: str, best: str, groups: int) -> str:
    """Index of the best class, int32 [N, T, 1]: its group, then its place there; of equals the first, as everywhere."""
    group = first_id(edit, best_of_group, best, *_counted(edit, groups), keepdims=1)
    chosen = edit.node("Add", edit.reshape(group, [0, 0, 1, 1]), edit.constant(np.zeros((1, 1, 1, GROUP)), np.int32))
    members = edit.reshape(edit.node("GatherElements", grouped, chosen, axis=2), [0, 0, GROUP])
    member = first_id(edit, members, best, *_counted(edit, GROUP), keepdims=1)
    return edit.node("Add", edit.node("Mul", group, edit.constant(GROUP, np.int32)), member)


def _counted(edit: GraphEdit, count: int) -> tuple[str, int]:
    return edit.constant(np.arange(count), np.int32), count - 1


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
