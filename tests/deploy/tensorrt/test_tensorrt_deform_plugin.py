"""OCDNet v1's deformable nodes against the fields, types and shapes that TensorRT publishes of its plugin."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocdrnet_deploy.graphs.deform_conv import rewrite_deform_conv
from ocdrnet_deploy.tensorrt.deform_plugin import plugin_nodes, plugin_refusals, with_stand_ins

FIELDS = {"stride": [1, 1], "padding": [1, 1], "dilation": [1, 1], "group": 1, "deformable_group": 1}
SHAPES = {"x": (2, 4, 8, 10), "offset": (2, 18, 8, 10), "mask": (2, 9, 8, 10), "weight": (6, 4, 3, 3)}
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def graph(shapes=None, fields=None, types=None, bias=None):
    """One node; of its inputs all but weight and bias come from outside."""
    sizes, kinds = SHAPES | (shapes or {}), dict.fromkeys(SHAPES, FLOAT) | (types or {})
    names = [*sizes, *(["bias"] if bias else [])]
    chosen = {name: value for name, value in (FIELDS | (fields or {})).items() if value is not None}
    node = helper.make_node("ModulatedDeformConv2d", names, ["y"], name="deformed", **chosen)
    numbers, dtype = np.random.default_rng(4), helper.tensor_dtype_to_np_dtype(kinds["weight"])
    weights = [
        numpy_helper.from_array(numbers.normal(size=size).astype(dtype), name)
        for name, size in (("weight", sizes["weight"]), *([("bias", bias)] if bias else []))
    ]
    images = [helper.make_tensor_value_info(name, kinds[name], sizes[name]) for name in ("x", "offset", "mask")]
    output = helper.make_tensor_value_info("y", kinds["x"], [None] * 4)
    made = helper.make_graph([node], "one", images, [output], weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def reasons(**changes):
    refusals = plugin_refusals(graph(**changes))
    assert {(refusal.name, refusal.operator) for refusal in refusals} <= {("deformed", "ModulatedDeformConv2d")}
    return [refusal.reason for refusal in refusals]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bias": (6,)},
        {"types": dict.fromkeys(SHAPES, HALF)},
        {"fields": {"stride": [2, 2]}, "shapes": {"offset": (2, 18, 4, 5), "mask": (2, 9, 4, 5)}},
        {"fields": {"padding": [0, 0]}, "shapes": {"offset": (2, 18, 6, 8), "mask": (2, 9, 6, 8)}},
        {"fields": {"dilation": [2, 2], "padding": [2, 2]}},
        {"fields": {"deformable_group": 2}, "shapes": {"offset": (2, 36, 8, 10), "mask": (2, 18, 8, 10)}},
        {"fields": {"group": 2}, "shapes": {"weight": (6, 2, 3, 3)}},
        {"fields": {"plugin_version": "2"}},
        {"shapes": {"x": ("N", 4, "h", "w"), "offset": ("N", 18, "h", "w"), "mask": ("N", 9, "h", "w")}},
    ],
    ids=["plain", "bias", "half", "stride", "padding", "dilation", "groups", "group", "version", "free size"],
)
def test_what_the_plugin_takes(changes):
    assert reasons(**changes) == []


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_required(name):
    assert reasons(fields={name: None}) == [f"its attribute {name} is missing; the plugin requires it"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"stride": 1}, "attribute stride has 1 numbers ([1]); the plugin reads 2"),
        ({"padding": [1, 1, 1, 1]}, "attribute padding has 4 numbers"),
        ({"stride": [0, 1]}, "attribute stride is [0, 1]; the plugin takes 1 or more"),
        ({"padding": [-1, 0]}, "attribute padding is [-1, 0]; the plugin takes 0 or more"),
        ({"dilation": [1, 0]}, "attribute dilation is [1, 0]; the plugin takes 1 or more"),
        ({"group": 0}, "attribute group is [0]; the plugin takes 1 or more"),
        ({"deformable_group": 0}, "attribute deformable_group is [0]"),
        ({"stride": [1.0, 1.0]}, "attribute stride is not of integers"),
        ({"plugin_version": "3"}, "version 3 of the plugin; there are 1 and 2"),
    ],
)
def test_fields_that_the_creator_refuses(fields, reason):
    assert len(found := reasons(fields=fields)) == 1
    assert reason in found[0]


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({"offset": (2, 9, 8, 10)}, "offset is [2, 9, 8, 10]; the plugin takes [2, 18, 8, 10]"),
        ({"mask": (2, 18, 8, 10)}, "mask is [2, 18, 8, 10]; the plugin takes [2, 9, 8, 10]"),
        ({"offset": (2, 18, 4, 5)}, "offset is [2, 18, 4, 5]; the plugin takes [2, 18, 8, 10]"),
        ({"mask": (1, 9, 8, 10)}, "mask is [1, 9, 8, 10]; the plugin takes [2, 9, 8, 10]"),
        ({"x": (2, 3, 8, 10)}, "x is [2, 3, 8, 10]; the plugin takes [?, 4, ?, ?]"),
        ({"weight": (6, 4, 3)}, "weight has rank 3; the plugin takes 4"),
        ({"offset": ("N", 17, "h", "w")}, "offset is [?, 17, ?, ?]; the plugin takes [2, 18, 8, 10]"),
    ],
)
def test_shapes_of_the_table(shapes, reason):
    assert len(found := reasons(shapes=shapes)) == 1
    assert reason in found[0]


def test_groups_that_do_not_part_the_channels():
    shapes = {"offset": (2, 54, 8, 10), "mask": (2, 27, 8, 10)}
    assert reasons(fields={"deformable_group": 3}, shapes=shapes) == [
        "its x's 4 channels are not to be parted into 3 groups"
    ]


def test_bias_of_another_size():
    assert reasons(bias=(5,)) == ["its bias is [5]; the plugin takes [6]"]


@pytest.mark.parametrize("name", SHAPES)
def test_inputs_of_two_types(name):
    (reason,) = reasons(types={name: HALF})
    assert f"{name} FLOAT16" in reason
    assert "the plugin takes one type" in reason


def test_integers_are_no_offsets():
    assert "its offset is INT64; the plugin takes FLOAT or FLOAT16" in reasons(types={"offset": TensorProto.INT64})


@pytest.mark.parametrize("count", [3, 6])
def test_another_number_of_inputs(count):
    model = graph()
    del model.graph.node[0].input[:]
    model.graph.node[0].input.extend(["x", "offset", "mask", "weight", "a", "b"][:count])
    (refusal,) = plugin_refusals(model)
    assert refusal.reason.startswith(f"it has {count} inputs; the plugin takes x, offset, mask, weight")


def run(model, feeds):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feeds)[0]


@pytest.mark.deformable
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("step", [1, 2])
def test_stand_in_answers_in_the_shape_of_the_node_and_reads_all_its_inputs(step, groups):
    size = -(-8 // step), -(-10 // step)
    shapes = {"offset": (2, 18 * groups, *size), "mask": (2, 9 * groups, *size)}
    model = graph(shapes=shapes, fields={"stride": [step, step], "deformable_group": groups}, bias=(6,))
    numbers = np.random.default_rng(0)
    feeds = {name: numbers.normal(size=dims).astype(np.float32) for name, dims in (SHAPES | shapes).items()}
    del feeds["weight"]
    stand_in = with_stand_ins(model)
    assert plugin_nodes(model) == ["deformed"]
    assert plugin_nodes(stand_in) == []
    onnx.checker.check_model(stand_in)
    answer = run(stand_in, feeds)
    assert answer.shape == run(rewrite_deform_conv(model), feeds).shape == (2, 6, *size)
    for name, values in feeds.items():
        assert not np.allclose(run(stand_in, feeds | {name: values + 1}), answer)


def test_weight_may_be_a_constant_node_but_not_computed():
    model = graph()
    weight = model.graph.initializer.pop()
    model.graph.node.insert(0, helper.make_node("Constant", [], ["weight"], value=weight))
    assert plugin_refusals(model) == []
    model.graph.node[0].CopyFrom(helper.make_node("Identity", ["x"], ["weight"]))
    (refusal,) = plugin_refusals(model)
    assert "its weight is no constant of the graph" in refusal.reason


def test_stand_in_leaves_other_graphs_alone():
    node = helper.make_node("Relu", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, FLOAT, ["N"]) for name in "xy"]
    model = helper.make_model(helper.make_graph([node], "relu", values[:1], values[1:]))
    assert with_stand_ins(model) == model
    assert plugin_refusals(model) == []
