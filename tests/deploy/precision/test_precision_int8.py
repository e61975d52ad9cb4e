import dataclasses

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from small_networks import small_model

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_deploy.precision import int8
from ocdrnet_deploy.precision.drawn_images import drawn_images
from ocdrnet_deploy.precision.half import pipeline_nodes
from ocdrnet_deploy.precision.int8 import (
    calibration_images,
    float_nodes,
    network_inputs,
    quantize_pair,
    quantized,
    why_not_int8,
)
from ocdrnet_deploy.precision.trial import cpu_flags
from ocdrnet_deploy.repository import build
from ocdrnet_triton.engines.openvino import core


def images(count=6):
    return [np.random.default_rng(i).integers(0, 256, (1, 32, 64, 3), np.uint8) for i in range(count)]


@pytest.fixture(scope="module")
def model():
    return quantized(small_model(), images())


def run(model, image):
    return core().compile_model(core().read_model(model.SerializeToString()), "CPU")(image)[0]


def test_convolution_is_between_8_bits(model):
    nodes = list(model.graph.node)
    made = {name: node for node in nodes for name in node.output}
    (convolution,) = (node for node in nodes if node.op_type == "Conv")
    assert {made[name].op_type for name in convolution.input[:2]} == {"DequantizeLinear"}


def test_pipelines_own_nodes_are_not(model):
    made = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.name.startswith("ocdrnet_scaled") or node.name == "pred":
            assert "DequantizeLinear" not in {made[name].op_type for name in node.input if name in made}


def test_answers_stay_close(model):
    image = images(7)[-1]
    whole, small = run(small_model(), image), run(model, image)
    assert small.dtype == np.uint8
    assert np.abs(whole.astype(int) - small).max() <= 6


def block(axes_as_input=False):
    """A block as the default networks have: a gated layer and its residual, and then attention, all behind Identity.

    Nodes have no names, as some exporters leave them; `axes_as_input` is how opset 18 writes a mean.
    """
    mean = {"keepdims": 1} | ({} if axes_as_input else {"axes": [-2, -1]})
    nodes = [
        helper.make_node("Cast", ["input"], ["ocdrnet_float"], name="ocdrnet_float", to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["ocdrnet_float"], ["x"], name="ocdrnet_planes", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["x", "kernel"], ["layer"]),
        helper.make_node("Identity", ["layer"], ["same"]),
        helper.make_node("ReduceMean", ["same", *(["axes"] if axes_as_input else [])], ["mean"], **mean),
        helper.make_node("Conv", ["mean", "gate_kernel"], ["squeezed"]),
        helper.make_node("Add", ["squeezed", "bias"], ["biased"]),
        helper.make_node("Sigmoid", ["biased"], ["gate"]),
        helper.make_node("Mul", ["same", "gate"], ["gated"]),
        helper.make_node("Add", ["x", "gated"], ["sum"]),
        helper.make_node("Identity", ["sum"], ["residual"]),
        helper.make_node("Conv", ["residual", "last_kernel"], ["logits"]),
        helper.make_node("MatMul", ["logits", "logits"], ["attention"]),
        helper.make_node("Softmax", ["attention"], ["map"], axis=-1),
        helper.make_node("Mul", ["map", "ocdrnet_scale"], ["scaled"], name="ocdrnet_scaled"),
        helper.make_node("Cast", ["scaled"], ["pred"], name="pred", to=TensorProto.UINT8),
    ]
    values = np.random.default_rng(5).normal(0, 0.01, (3, 3, 1, 1)).astype(np.float32)
    weights = {"kernel": values, "gate_kernel": values * 2, "last_kernel": values[:1] * 3}
    weights |= {"bias": np.ones((1, 3, 1, 1), np.float32), "ocdrnet_scale": np.float32(255)}
    weights |= {"axes": np.array([2, 3], np.int64)} if axes_as_input else {}
    graph = helper.make_graph(
        nodes,
        "block",
        [helper.make_tensor_value_info("input", TensorProto.UINT8, ["N", 32, 32, 3])],
        [helper.make_tensor_value_info("pred", TensorProto.UINT8, ["N", 1, 32, 32])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    opset = 18 if axes_as_input else 17
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    return model


@pytest.mark.parametrize("axes_as_input", [False, True])
def test_layers_with_weights_alone_are_in_8_bits(axes_as_input):
    inputs = [np.random.default_rng(i).integers(0, 256, (1, 32, 32, 3), np.uint8) for i in range(4)]
    model = quantized(block(axes_as_input), inputs)
    made = {name: node.op_type for node in model.graph.node for name in node.output}
    by_type = {}
    for node in model.graph.node:
        by_type.setdefault(node.op_type, []).append([made.get(name) for name in node.input])
    assert "Identity" not in by_type
    in_8_bits = [before[:2] == ["DequantizeLinear"] * 2 for before in by_type["Conv"]]
    assert in_8_bits == [False, False, True], "neither the gate's layer nor the one that it scales"
    for kind in ("Add", "MatMul", "Softmax", "ReduceMean", "Mul"):
        assert "DequantizeLinear" not in {name for before in by_type[kind] for name in before}, kind


@pytest.mark.parametrize(("prepare", "layers"), [(prepare_detector, 27), (prepare_recognizer, 37)])
def test_default_networks_layers_in_8_bits(prepare, layers):
    """All but the stem's five, the gates' two each and the layer before, depthwise ones, and the pipeline's own."""
    model = int8._without_identities(prepare("ppocrv6-small").model)
    kept = set(float_nodes(model))
    assert set(pipeline_nodes(model)) <= kept
    in_8_bits = [node for node in model.graph.node if node.name not in kept]
    assert len(in_8_bits) == layers
    stem = [node.name for node in model.graph.node if node.op_type == "Conv"][:5]
    assert kept.issuperset(stem), "what comes before the first depthwise convolution"


@pytest.mark.parametrize(("clips", "brightest"), [(False, 255), (True, 158)])
def test_range_ends_at_the_extreme_or_at_the_mean_of_extremes(clips, brightest):
    dark, bright = (np.full((1, 32, 64, 3), value, np.uint8) for value in (61, 255))
    model = quantized(small_model(), [dark, bright], clips=clips)
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    (rounding,) = (node for node in model.graph.node if node.op_type == "QuantizeLinear")
    assert weights[rounding.input[1]] * 255 == pytest.approx(brightest)


@pytest.mark.full
def test_drawn_images_are_the_same_each_time():
    once, again = drawn_images(), drawn_images()
    assert len(once) == 12
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert len({image.tobytes() for image in once}) == 12


@pytest.mark.full
def test_without_a_checkout_images_are_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr(int8, "_SAMPLES", tmp_path / "absent")
    assert len(calibration_images(None)) == 12


def test_calibration_images_of_a_folder(tmp_path):
    for name in ("b.png", "a.JPG", "c.txt"):
        content = cv2.imencode(".png", np.full((40, 50, 3), 7, np.uint8))[1].tobytes()
        (tmp_path / name).write_bytes(content)
    assert [image.shape for image in calibration_images(tmp_path)] == [(40, 50, 3)] * 2


def test_folder_without_images(tmp_path):
    with pytest.raises(BuildError, match=r"no image to calibrate INT8 on.*--calibration DIR"):
        calibration_images(tmp_path)


def test_network_inputs_are_tiles_and_own_widths_of_crops():
    detector, recognizer = prepare_detector("ppocrv6-small").card, prepare_recognizer("ppocrv6-small").card
    image = np.full((736, 1312, 3), 255, np.uint8)

    def detect(tile):
        probability = np.zeros((1, 1, *tile.shape[1:3]), np.uint8)
        probability[0, 0, 100:120, 100:300] = 255
        return probability

    tiles, crops = network_inputs([image], detect, detector, recognizer)
    assert tiles[0].shape == (1, 736, 1312, 3)
    assert crops[0].shape[:2] == (1, 48)
    assert crops[0].shape[2] % 32 == 0


def test_network_that_openvino_does_not_run():
    pair = prepare_detector("ppocrv6-small"), prepare_recognizer("ppocrv6-small")
    broken = onnx.ModelProto()
    broken.CopyFrom(pair[0].model)
    broken.graph.node[len(broken.graph.node) // 2].op_type = "Unheard"
    with pytest.raises(BuildError, match="OpenVINO does not run ppocrv6-small: "):
        quantize_pair(dataclasses.replace(pair[0], model=broken), pair[1], None)


def test_network_that_cannot_be_raised_to_int8s_opset():
    old = onnx.ModelProto()
    old.CopyFrom(small_model())
    old.opset_import[0].version = 11
    old.graph.node[2].op_type = "Unheard"
    with pytest.raises(BuildError, match="INT8 needs opset 17; the network, of 11, cannot be raised to it: "):
        quantized(old, images(1))


def test_images_without_text(tmp_path):
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 300, 3), 255, np.uint8))
    pair = prepare_detector("ppocrv6-small"), prepare_recognizer("ppocrv6-small")
    with pytest.raises(BuildError, match="found no text"):
        quantize_pair(*pair, tmp_path)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("sse2 avx2 avx512f avx512_vnni", ""),
        ("avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile", "has AMX"),
        ("avx2 avx_vnni", "no AVX-512 with VNNI"),
        ("", "no AVX-512 with VNNI"),
    ],
)
def test_cpus_that_gain(flags, reason):
    found = why_not_int8(frozenset(flags.split()))
    assert reason in found
    assert bool(found) == bool(reason)


@pytest.fixture
def built(tmp_path, monkeypatch):
    """What is assembled of both networks and said, on a CPU with some flags."""

    def build_on(*flags, precision="auto"):
        made, said = [], []
        monkeypatch.setattr(build, "cpu_flags", lambda: frozenset(flags))
        monkeypatch.setattr(build, "try_network", lambda network, attempt: (network, attempt))
        monkeypatch.setattr(build, "trial_text", lambda attempt: attempt.is_approximate)
        monkeypatch.setattr(build, "assemble_repository", lambda *arguments: made.extend(arguments))
        (tmp_path / "images").mkdir()
        cv2.imwrite(str(tmp_path / "images" / "blank.png"), np.full((320, 320, 3), 255, np.uint8))
        options = build.BuildOptions(precision=precision, calibration=tmp_path / "images")
        build.build_repository(tmp_path / "out", "ppocrv6-small", "ppocrv6-small", options, said.append)
        detector, recognizer, are_approximate = made[1], made[2], made[5]
        networks = (detector.model, recognizer.model)
        rounded = [any(node.op_type == "QuantizeLinear" for node in model.graph.node) for model in networks]
        return rounded, list(are_approximate), said

    return build_on


def test_auto_rounds_the_detector_alone_where_it_gains(built):
    rounded, are_approximate, said = built("avx512f", "avx512_vnni")
    assert rounded == are_approximate == [True, False]
    assert "The detector is in INT8: this CPU has VNNI and no AMX. The recognizer stays in floats." in said


def test_auto_rounds_nothing_where_it_does_not(built):
    rounded, are_approximate, said = built("avx512f", "avx512_vnni", "amx_tile")
    assert rounded == are_approximate == [False, False]
    assert "Both networks stay in floats: this CPU has AMX, which is as fast in bfloat16." in said


def test_flags_of_this_cpu():
    assert "sse2" in cpu_flags()
