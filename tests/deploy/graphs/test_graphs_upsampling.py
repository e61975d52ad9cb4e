import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ocdrnet_deploy.graphs.openvino_rewrites import upsample_last
from ocdrnet_triton.engines.openvino import core

RNG = np.random.default_rng(7)
IMAGES = RNG.normal(size=(2, 3, 5, 7)).astype(np.float32)


def head(*nodes, weights, opset=13):
    """`x` float32 [N, 3, h, w] through some nodes to `pred` uint8."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "h", "w"])]
    outputs = [helper.make_tensor_value_info("pred", TensorProto.UINT8, ["N", "C", "H", "W"])]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "head", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs.split(), [output], **attributes)


def upsampling(inputs, output, side=2, **more):
    return node("ConvTranspose", inputs, output, **({"kernel_shape": [side, side], "strides": [side, side]} | more))


def to_map(tensor):
    return [
        node("Sigmoid", tensor, "probability"),
        node("Mul", "probability full", "scaled"),
        node("Round", "scaled", "rounded"),
        node("Cast", "rounded", "pred", to=TensorProto.UINT8),
    ]


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


FULL = {"full": np.array(255, np.float32)}


def dbnet_head(first=2, second=2, middle=4):
    """As PaddleOCR exports it: a bias as an Add, nodes that only hand on."""
    return head(
        upsampling("x w1", "a", first),
        node("Identity", "a", "b"),
        node("Add", "b bias", "c"),
        node("Relu", "c", "d"),
        upsampling("d w2 b2", "e", second),
        *to_map("e"),
        weights=FULL
        | {"w1": normal(3, middle, first, first), "bias": normal(1, middle, 1, 1)}
        | {"w2": normal(middle, 1, second, second), "b2": normal(1)},
    )


def tao_head():
    """As PyTorch exports it: batch normalization behind the first."""
    return head(
        upsampling("x w1 b1", "a"),
        node("BatchNormalization", "a scale shift mean variance", "b", epsilon=0.01),
        node("Relu", "b", "c"),
        upsampling("c w2", "d"),
        *to_map("d"),
        weights=FULL
        | {"w1": normal(3, 4, 2, 2), "b1": normal(4), "w2": normal(4, 1, 2, 2)}
        | {"scale": normal(4), "shift": normal(4), "mean": normal(4), "variance": np.abs(normal(4))},
    )


def run(model, pictures=IMAGES):
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return core().compile_model(core().read_model(model.SerializeToString()), "CPU", settings)(pictures)[0].astype(int)


def operators(model):
    return [made.op_type for made in model.graph.node]


@pytest.mark.parametrize("model", [dbnet_head(), dbnet_head(3, 2), dbnet_head(1, 4), tao_head()])
def test_map_is_the_same_and_is_laid_out_once_at_the_end(model):
    rewritten = upsample_last(model)
    onnx.checker.check_model(rewritten)
    found, expected = run(rewritten), run(model)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1  # of 255: sums in another order may round the other way
    assert (found != expected).mean() < 0.01
    assert len(np.unique(expected)) > 50
    assert "ConvTranspose" not in operators(rewritten)
    assert operators(rewritten)[-1] == "DepthToSpace"
    assert operators(rewritten).count("DepthToSpace") == 1


def test_the_network_before_the_head_stays():
    before = dbnet_head()
    before.graph.node.insert(0, node("Neg", "image", "x"))
    before.graph.input[0].name = "image"
    rewritten = upsample_last(before)
    assert operators(rewritten)[0] == "Neg"
    np.testing.assert_allclose(run(rewritten), run(before), atol=1)


def one_step(*middle, **attributes):
    weights = FULL | {"w": normal(3, 1, 2, 2), "each": normal(1, 1, 1, 4)}
    return head(upsampling("x w", "a", **attributes), *middle, *to_map("b" if middle else "a"), weights=weights)


UNFIT = {
    "squares that overlap": one_step(strides=[1, 1]),
    "a border cut off": one_step(pads=[1, 1, 1, 1]),
    "more rows below": one_step(output_padding=[1, 1]),
    "holes between": one_step(dilations=[2, 2]),
    "a pooling behind it": one_step(node("MaxPool", "a", "b", kernel_shape=[3, 3])),
    "a number for each column": one_step(node("Add", "a each", "b")),
    "a sum of two maps": one_step(node("Add", "a a", "b")),
    "a second one of many channels": head(
        upsampling("x w1", "a"),
        upsampling("a w2", "b"),
        *to_map("b"),
        weights=FULL | {"w1": normal(3, 4, 2, 2), "w2": normal(4, 2, 2, 2)},
    ),
    "none at all": head(*to_map("x"), weights=FULL),
}


@pytest.mark.parametrize("model", UNFIT.values(), ids=UNFIT)
def test_another_end_is_left_as_it_is(model):
    assert upsample_last(model) is model


def test_groups_are_left_as_they_are():
    weights = FULL | {"w": normal(3, 1, 2, 2)}
    model = head(upsampling("x w", "a", group=3), *to_map("a"), weights=weights)
    assert upsample_last(model) is model


def test_a_map_that_others_read_too_is_left():
    model = dbnet_head()
    model.graph.node.append(node("Neg", "d", "other"))
    model.graph.output.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, None))
    assert upsample_last(model) is model
