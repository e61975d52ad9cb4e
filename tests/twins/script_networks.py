"""Synthetic recognizers of the contract that PP-OCRv5's have.

Their input is [N, 3, 48, W] in BGR from -1 to 1, a time step is 8 columns, the blank is the first class, the characters
stand in the graph's metadata, and the space is the last class. These ones read the gray of a column as a class.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocdrnet_ops.scripts import SCRIPTS


def alphabet(scripts):
    """Characters of scripts, the last one's first: letters by the blocks that make a script known, and digits."""
    blocks = {script.name: script for script in SCRIPTS}
    found = []
    for name in reversed(scripts):
        block = blocks[name]
        letters = [chr(code) for code in range(block.first, block.last + 1) if chr(code).isalpha()]
        found += letters[: block.least + 10]
    return list(dict.fromkeys([*"0123456789", *found]))


def network(characters, before=0):
    """Class k has the logit 9 (2 p g - g g) for a step of the gray p: the class of the gray p is the most probable.

    Args:
        characters: of the classes 1, 2, ...; the space follows.
        before: gray that a class's number is added to, g = k + before; the blank's is 0.
    """
    classes = len(characters) + 2
    order = np.arange(classes, dtype=np.float32)
    order[1:] += before
    weights = {
        "squeezed": np.array([2], np.int64),
        "matrix": np.repeat(9 * 2 * order[None] * 127.5 / 3, 3, axis=0).astype(np.float32),
        "offset": (9 * (2 * order * 127.5 - order * order)).astype(np.float32),
    }
    nodes = [
        helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[48, 8], strides=[48, 8]),
        helper.make_node("Squeeze", ["pooled", "squeezed"], ["planes"]),
        helper.make_node("Transpose", ["planes"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["steps", "matrix"], ["products"]),
        helper.make_node("Add", ["products", "offset"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "synthetic",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 48, "W"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "T", classes])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    model.metadata_props.add(key="character", value="\n".join(characters))
    return model


def steps(text, characters):
    """A crop, uint8 [48, W, 3], whose steps are the characters of a text, with a blank after each."""
    ids = [number for character in text for number in (characters.index(character) + 1, 0)]
    row = np.repeat(np.array(ids, np.uint8), 8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (48, len(row), 3)))
