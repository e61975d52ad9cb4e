import re

import numpy as np
import onnx
import pytest
from deformable import deformable_convolution
from nvidia_graphs import deformable_ocdnet, ocdnet
from onnx import helper
from runs import run

from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.deform_conv import check_runtime, needs_deform_conv, rewrite_deform_conv

INNER = ("c1", "offset", "mask", "deformed")


def with_outputs(model, names):
    """The graph with inner tensors as outputs."""
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    return opened


@pytest.mark.deformable
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize(("padding", "groups"), [(1, 1), (1, 2), (2, 1)])
def test_equals_the_definition_in_float64(stride, batch, padding, groups):
    original = deformable_ocdnet(stride, padding, groups)
    weight = next(onnx.numpy_helper.to_array(w) for w in original.graph.initializer if w.name == "w2")
    images = np.random.default_rng(batch).normal(size=(batch, 3, 24, 32)).astype(np.float32)
    found = run(with_outputs(rewrite_deform_conv(original), INNER), images)
    expected = deformable_convolution(found["c1"], found["offset"], found["mask"], weight, stride, padding, groups)
    assert np.abs(found["offset"]).max() > 1  # beyond the neighbouring pixel, and past the border
    assert np.abs(found["deformed"] - expected).max() < 1e-4
    up = expected.repeat(stride, axis=2).repeat(stride, axis=3)
    assert np.abs(found["pred"] - 1 / (1 + np.exp(-up))).max() < 1e-4


def test_rewritten_graph_is_valid_onnx_of_opset_19():
    found = rewrite_deform_conv(deformable_ocdnet())
    onnx.checker.check_model(found, full_check=True)
    assert [(o.domain, o.version) for o in found.opset_import] == [("", 19)]
    assert "ModulatedDeformConv2d" not in {node.op_type for node in found.graph.node}


def test_original_is_left_as_it_was():
    original = deformable_ocdnet()
    before = original.SerializeToString()
    rewrite_deform_conv(original)
    assert original.SerializeToString() == before


def test_network_without_the_plugin_is_the_same():
    original = ocdnet()
    assert rewrite_deform_conv(original) is original
    assert not needs_deform_conv(original)


def test_both_forms_need_an_engine_that_knows_them():
    assert needs_deform_conv(deformable_ocdnet())
    assert needs_deform_conv(rewrite_deform_conv(deformable_ocdnet()))


def plugin(model):
    return next(node for node in model.graph.node if node.op_type == "ModulatedDeformConv2d")


def test_numbers_in_place_of_pairs_are_understood():
    original = deformable_ocdnet(stride=2)
    node = plugin(original)
    for name in ("stride", "padding", "dilation"):
        old = next(a for a in node.attribute if a.name == name)
        number = old.ints[0]
        node.attribute.remove(old)
        node.attribute.append(helper.make_attribute(name, number))
    assert standard_attributes(original) == standard_attributes(deformable_ocdnet(stride=2))


def standard_attributes(model):
    node = next(node for node in rewrite_deform_conv(model).graph.node if node.op_type == "DeformConv")
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def test_attributes():
    assert standard_attributes(deformable_ocdnet(stride=2, groups=2)) == {
        "strides": [2, 2],
        "pads": [1, 1, 1, 1],
        "dilations": [1, 1],
        "group": 1,
        "offset_group": 2,
    }


@pytest.mark.deformable
def test_bias_is_kept():
    original = deformable_ocdnet()
    original.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0.5], np.float32), "bias"))
    plugin(original).input.append("bias")
    images = np.random.default_rng(0).normal(size=(1, 3, 8, 8)).astype(np.float32)
    without = run(with_outputs(rewrite_deform_conv(deformable_ocdnet()), INNER), images)["deformed"]
    found = run(with_outputs(rewrite_deform_conv(original), INNER), images)["deformed"]
    np.testing.assert_allclose(found, without + 0.5, atol=1e-6)


def test_plugin_without_a_mask_is_refused():
    original = deformable_ocdnet()
    del plugin(original).input[-2:]
    with pytest.raises(NetworkError, match="has 2 inputs; x, offset, mask, weight were expected"):
        rewrite_deform_conv(original)


def test_attribute_of_three_numbers_is_refused():
    original = deformable_ocdnet()
    next(a for a in plugin(original).attribute if a.name == "stride").ints.append(1)
    with pytest.raises(NetworkError, match=r"has stride \[1, 1, 1\]; one number or two"):
        rewrite_deform_conv(original)


@pytest.mark.parametrize("version", ["1.24.4", "0.99.0"])
def test_a_runtime_that_cannot_is_refused_before_a_server_fails_on_it(version):
    with pytest.raises(NetworkError, match=rf"from 1\.25; this is {re.escape(version)}"):
        check_runtime(version)


@pytest.mark.parametrize("version", ["1.25.0", "1.32.0", "2.0.0"])
def test_a_runtime_that_can_is_taken(version):
    check_runtime(version)
