"""Two ways to find the best class of each time step: among all classes at once, and group by group.

Behind a large last layer the search costs as much as the layer: each pass over [N, T, 18,710] scores is memory traffic.
In groups the scores are read three times instead of seven: for the best of each group, for the softmax's sum, and once
more in the one group that holds the best.
"""

from __future__ import annotations

import numpy as np

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.networks.class_layer import ClassLayer, find_class_layer
from ocdrnet_deploy.networks.graph import GraphEdit
from ocdrnet_deploy.networks.signature import maker

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
