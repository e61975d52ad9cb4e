import warnings

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_networks import small_model
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_files import place_twins

from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_deploy.precision.half import half_precision, kept_float_nodes, kept_nodes, pipeline_nodes
from ocdrnet_deploy.precision.int8 import calibration_images, network_inputs

TYPES = {"input": TensorProto.UINT8, "pred": TensorProto.UINT8, "output_id": TensorProto.INT32}
TYPES["output_prob"] = TensorProto.FLOAT
DETECTOR_NAMES, RECOGNIZER_NAMES = ([version.name for version in versions] for versions in (DETECTORS, RECOGNIZERS))


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    # All optimizations, a layout for CPUs among them, crash on OCRNet v1 in 16-bit floats.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(model, image):
    return session(model).run(None, {"input": image})


def types_of(model):
    """Element type of every tensor that ONNX can infer."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    return {info.name: info.type.tensor_type.elem_type for info in inferred.graph.value_info}


def makers(model):
    return {name: node for node in model.graph.node for name in node.output}


def test_tensors_of_the_contract_keep_their_types():
    for model in (prepare(kind).model for kind in ("detector", "recognizer")):
        half = half_precision(model)
        for value in [*half.graph.input, *half.graph.output]:
            assert value.type.tensor_type.elem_type == TYPES[value.name]
        assert any(weight.data_type == TensorProto.FLOAT16 for weight in half.graph.initializer)


def prepare(kind, name="ppocrv6-small"):
    return {"detector": prepare_detector, "recognizer": prepare_recognizer}[kind](name, engine="tensorrt")


def test_original_graph_is_left_alone():
    model = small_model()
    before = model.SerializeToString()
    half_precision(model)
    assert model.SerializeToString() == before


def test_pipelines_own_nodes_stay_in_fp32():
    half = half_precision(prepare("recognizer").model)
    types = types_of(half)
    own = [node for node in half.graph.node if node.name.startswith("ocdrnet_") and node.op_type != "Cast"]
    assert len(own) > 5
    floats = (TensorProto.FLOAT, TensorProto.FLOAT16)
    assert {types[node.output[0]] for node in own if types.get(node.output[0]) in floats} == {TensorProto.FLOAT}


def test_class_scores_of_a_recognizer_stay_in_fp32():
    """The product whose weights have a column for each of 18,710 classes, its bias and its softmax."""
    recognizer = prepare("recognizer")
    half = half_precision(recognizer.model)
    types, made = types_of(half), makers(half)
    (equal,) = (node for node in half.graph.node if node.op_type == "Equal")
    behind = {node.op_type: node for node in way_back(made, equal.input[0], {"Softmax", "Identity", "Add", "MatMul"})}
    assert set(behind) == {"Softmax", "Identity", "Add", "MatMul"}
    assert {types[node.output[0]] for node in behind.values()} == {TensorProto.FLOAT}
    weights = {weight.name: weight for weight in half.graph.initializer}
    layer = weights[behind["MatMul"].input[1]]
    assert layer.dims[-1] == len(recognizer.card.characters) + 1
    assert layer.data_type == TensorProto.FLOAT
    others = [node for node in half.graph.node if node.op_type == "MatMul" and node.name != behind["MatMul"].name]
    assert {types[node.output[0]] for node in others} == {TensorProto.FLOAT16}


def way_back(made, tensor, through):
    """Nodes that lead to a tensor along first inputs, as long as they are of these operators."""
    while tensor in made and made[tensor].op_type in through:
        yield made[tensor]
        tensor = made[tensor].input[0]


LAYERS = {"Gemm": ["layer", "bias"], "MatMul": ["layer"]}


@pytest.mark.parametrize("op", LAYERS)
@pytest.mark.parametrize("head", [["Softmax", "ArgMax"], ["ArgMax"]])
def test_class_scores_layer_is_found_by_what_it_feeds(op, head):
    """OCRNet's form, with the choice of a class in the network itself, and nodes without names."""
    model = recognizer_ending_in(op, head)
    kept = kept_float_nodes(model)
    assert [name for name in kept if name.startswith(("MatMul", "Gemm"))] == [f"{op}_3"], "the last layer alone"
    weights = {weight.name: weight.data_type for weight in half_precision(model).graph.initializer}
    assert weights["layer"] == TensorProto.FLOAT
    assert weights["before"] == TensorProto.FLOAT16


def recognizer_ending_in(op, head):
    chain = [("MatMul", ["ocdrnet_float", "before"]), ("Relu", ["0"]), (op, ["1", *LAYERS[op]])]
    chain += [("Add", ["2", "bias"]), *((name, [str(3 + index)]) for index, name in enumerate(head[:-1]))]
    scores = str(len(chain) - 1)
    nodes = [helper.make_node("Cast", ["input"], ["ocdrnet_float"], name="ocdrnet_float", to=TensorProto.FLOAT)]
    nodes += [helper.make_node(name, inputs, [str(index)]) for index, (name, inputs) in enumerate(chain)]
    nodes += [helper.make_node("ArgMax", [scores], ["best"], axis=-1, keepdims=0)]
    nodes += [helper.make_node("Cast", ["best"], ["output_id"], name="output_id", to=TensorProto.INT32)]
    nodes += [helper.make_node("ReduceMax", [scores], ["output_prob"], axes=[-1], keepdims=0)]
    weights = {"before": np.ones((4, 4), np.float32), "layer": np.ones((4, 9), np.float32)}
    graph = helper.make_graph(
        nodes,
        "recognizer",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["N", 4])],
        [
            helper.make_tensor_value_info("output_id", TensorProto.INT32, ["N"]),
            helper.make_tensor_value_info("output_prob", TensorProto.FLOAT, ["N"]),
        ],
        [numpy_helper.from_array(v, name) for name, v in (weights | {"bias": np.ones(9, np.float32)}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_detector_has_no_class_scores():
    model = prepare("detector").model
    assert kept_nodes(model) == pipeline_nodes(model)


def test_no_rounding_between_neighbours_that_are_kept():
    """Else ONNX Runtime, which leaves out one of two roundings, finds no class equal to the best."""
    half = half_precision(prepare("recognizer").model)
    made = makers(half)
    (equal,) = (node for node in half.graph.node if node.op_type == "Equal")
    best = made[equal.input[1]]
    assert best.op_type == "ReduceMax"


def transformer(to=None):
    """A network whose spatial transformer is a product of coordinates, with a Cast that does nothing behind it."""
    nodes = [
        helper.make_node("Cast", ["input"], ["ocdrnet_float"], name="ocdrnet_float", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ocdrnet_float", "grid"], ["moved"], name="ocdrnet_float32_/Mul"),
        helper.make_node("Cast", ["moved"], ["same"], name="/Cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["same", "weight"], ["output_prob"], name="/last"),
    ]
    weights = {"grid": np.float32(1.0001), "weight": np.float32(0.5)}
    graph = helper.make_graph(
        nodes[::-1] if to == "unsorted" else nodes,
        "transformer",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["N", 4])],
        [helper.make_tensor_value_info("output_prob", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("order", ["sorted", "unsorted"])
def test_spatial_transformer_stays_in_fp32_whatever_the_order_of_nodes(order):
    model = transformer(order)
    assert set(kept_nodes(model)) == {"ocdrnet_float", "ocdrnet_float32_/Mul", "/last"}
    half = half_precision(model)
    assert not [node for node in half.graph.node if node.name == "/Cast"]
    weights = {weight.name: weight.data_type for weight in half.graph.initializer}
    assert weights["grid"] == TensorProto.FLOAT
    image = np.arange(4, dtype=np.uint8)[None]
    np.testing.assert_allclose(run(half, image)[0], image * 0.50005, rtol=1e-3)


def test_no_warning_of_tiny_weights():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        half_precision(small_model())


@pytest.mark.parametrize("name", [name for name in DETECTOR_NAMES if not name.startswith("ocdnet-v1")])
def test_detectors_twin_in_fp16_marks_the_same(tmp_path, monkeypatch, name):
    place_twins(tmp_path, monkeypatch)
    model = prepare("detector", name).model
    image = np.random.default_rng(1).integers(0, 256, (1, 736, 1280, 3), np.uint8)
    whole, half = run(model, image)[0], run(half_precision(model), image)[0]
    assert np.mean((whole > 76) != (half > 76)) < 0.002


@pytest.mark.parametrize("name", [name for name in DETECTOR_NAMES if name.startswith("ocdnet-v1")])
def test_deformable_convolutions_are_typed_throughout(tmp_path, monkeypatch, name):
    """ONNX's inference knows no ModulatedDeformConv2d: what lies behind it must still get its casts."""
    place_twins(tmp_path, monkeypatch)
    half = half_precision(prepare("detector", name).model)
    made = makers(half)
    deformable = [node for node in half.graph.node if node.op_type == "ModulatedDeformConv2d"]
    assert deformable
    first_own = next(node for node in half.graph.node if node.name.startswith("ocdrnet_mul") and node.op_type == "Mul")
    before = made[first_own.input[0]]
    assert before.op_type == "Cast"
    assert before.attribute[0].i == TensorProto.FLOAT


@pytest.mark.parametrize("name", RECOGNIZER_NAMES)
def test_recognizers_twin_in_fp16_reads_the_same(tmp_path, monkeypatch, name):
    place_twins(tmp_path, monkeypatch)
    prepared = prepare("recognizer", name)
    shape = (8, prepared.card.height, prepared.card.width, 3)
    crops = np.repeat(np.random.default_rng(2).integers(0, 256, (8, 1, shape[2], 1), np.uint8), shape[1], axis=1)
    crops = np.ascontiguousarray(np.repeat(crops, 3, axis=3))
    whole, half = run(prepared.model, crops)[0], run(half_precision(prepared.model), crops)[0]
    assert np.mean(whole != half) <= 0.03


@pytest.mark.full
def test_default_networks_in_fp16_find_and_read_the_same():
    """On the samples; docs/tensorrt.md has the figures of the 86 evaluation images."""
    detector, recognizer = prepare("detector"), prepare("recognizer")
    whole, half = session(detector.model), session(half_precision(detector.model))
    images = calibration_images(None)

    def both(tile):
        maps = [engine.run(None, {"input": tile})[0] for engine in (whole, half)]
        assert np.abs(maps[0].astype(int) - maps[1]).max() <= 16
        assert np.mean((maps[0] > 76) != (maps[1] > 76)) < 1e-3
        return maps[0]

    _, crops = network_inputs(images[:3], both, detector.card, recognizer.card)
    engines = session(recognizer.model), session(half_precision(recognizer.model))
    ids = [[engine.run(["output_id"], {"input": crop})[0] for engine in engines] for crop in crops[:60]]
    assert sum(np.array_equal(a, b) for a, b in ids) >= 0.95 * len(ids)
