"""OCRNet's spatial transformer: found whatever its nodes are called, its constants folded, FP32 kept."""

import numpy as np
import onnx
import openvino as ov
import pytest
from onnx import TensorProto
from runs import random_images, run
from twin_contracts import RECOGNIZERS
from twin_recognizer import recognizer_twin
from twin_spline import bent_points, distances, inverse_of_control_points

from ocdrnet_deploy.catalog.catalog import find_network
from ocdrnet_deploy.graphs.adapt import adapt_recognizer
from ocdrnet_deploy.graphs.graph import Constants
from ocdrnet_deploy.graphs.spatial_transformer import grid_nodes, keep_spatial_transformer
from ocdrnet_deploy.precision.half import half_precision, kept_float_nodes
from ocdrnet_triton.engines.base import FLOAT32
from ocdrnet_triton.engines.openvino import core, keep_float32

VERSIONS = [version for version in RECOGNIZERS if version.name in ("ocrnet-v1.0", "ocrnet-v2.0.1")]
by_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
HALF_A_PIXEL = 0.5


def renamed(model):
    """The same with other names of nodes, as another exporter would give them, or none."""
    for index, node in enumerate(model.graph.node):
        node.name = f"n{index}" if index % 2 else ""
    return model


def with_grid(model):
    """The model with the grid as its only output, and the grid's name."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    (sampler,) = (node for node in shown.graph.node if node.op_type == "GridSample")
    del shown.graph.output[:]
    shown.graph.output.append(onnx.helper.make_tensor_value_info(sampler.input[1], TensorProto.FLOAT, None))
    return shown, sampler.input[1]


def grid_of(model, image):
    shown, name = with_grid(model)
    return run(shown, image)[name]


def planes(version, count=3):
    height, width = version.size
    return random_images(count, height, width)[..., :1].transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1


def off_by_pixels(version, grid, expected):
    height, width = version.size
    return np.abs((grid - expected) * (width / 2, height / 2)).max()


@by_version
def test_folded_the_grid_is_the_same_and_one_product_is_left(version):
    model, image = recognizer_twin(version), planes(version)
    kept = keep_spatial_transformer(model)
    assert off_by_pixels(version, grid_of(kept, image), grid_of(model, image)) < 0.01
    products = [node for node in grid_nodes(kept.graph) if node.op_type == "MatMul"]
    assert len(products) == 1
    matrix = Constants(kept.graph).value(products[0].input[0])
    expected = (distances(*version.size) @ inverse_of_control_points())[:, :20]
    np.testing.assert_allclose(matrix, expected, atol=1e-4)  # of constants that were FP32 in the file
    assert np.abs(matrix).max() < 1.1
    assert np.abs(expected - matrix.astype(np.float16)).max() < 1e-3  # what halves hold; the constants lose 0.004
    assert len(kept.graph.initializer) < len(model.graph.initializer)


@by_version
def test_what_rests_of_the_control_points_is_added_at_the_end(version):
    kept = keep_spatial_transformer(recognizer_twin(version))
    last = [node for node in grid_nodes(kept.graph) if node.op_type == "Gemm" and len(node.input) == 2]
    assert len(last) == 1


@by_version
@pytest.mark.parametrize("rename", [lambda model: model, renamed], ids=["TAO's names", "other names"])
def test_fp16_keeps_the_grid_whatever_it_is_called(version, rename):
    description = find_network("recognizer", version.name).description
    adapted = adapt_recognizer(rename(recognizer_twin(version)), description)
    half = half_precision(adapted)
    types = {i.name: i.type.tensor_type.elem_type for i in onnx.shape_inference.infer_shapes(half).graph.value_info}
    (sampler,) = (node for node in half.graph.node if node.op_type == "GridSample")
    assert types[sampler.input[1]] == TensorProto.FLOAT
    assert sampler.name in kept_float_nodes(adapted)
    (image,) = (random_images(2, *version.size),)
    assert off_by_pixels(version, grid_of(half, image), grid_of(adapted, image)) < 0.1


@by_version
def test_fp16_of_the_grid_as_exported_is_off_by_pixels(version):
    """What the cures are for, in NumPy: both products in halves, as `--fp16` has them."""
    constants = distances(*version.size), inverse_of_control_points(), np.concatenate([bent_points(), np.zeros((3, 2))])
    spread, inverse, points = (each.astype(np.float16) for each in constants)
    grid = spread.astype(np.float32) @ (inverse.astype(np.float32) @ points).astype(np.float16).astype(np.float32)
    assert off_by_pixels(version, grid, constants[0] @ constants[1] @ constants[2]) > HALF_A_PIXEL


@by_version
def test_openvino_in_bfloat16_keeps_the_grid(version):
    """Only OpenVINO's own mark does it; read back from the compiled graph, so that a version that ignores it shows."""
    if "BF16" not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bfloat16")
    description = find_network("recognizer", version.name).description
    adapted = adapt_recognizer(renamed(recognizer_twin(version)), description).SerializeToString()
    marked = precisions(keep_float32(core(), core().read_model(adapted, b"")))
    unmarked = precisions(core().read_model(adapted, b""))
    assert marked == {"Convolution": "f32", "MatMul": "f32", "GridSample": "f32"}
    assert unmarked["Convolution"] == "bf16"


def precisions(model):
    """Of the compiled spline's nodes by kind, the last of each."""
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": ov.Type.bf16})
    found = {}
    for info in (op.get_rt_info() for op in compiled.get_runtime_model().get_ordered_ops()):
        kind = info["layerType"].astype(str)
        if FLOAT32 in info["originalLayersNames"].astype(str) and kind in ("Convolution", "MatMul", "GridSample"):
            found[kind] = info["runtimePrecision"].astype(str)
    return found


def test_a_network_without_one_is_left_alone():
    model = recognizer_twin(VERSIONS[0])
    for node in model.graph.node:
        node.op_type = "Identity" if node.op_type == "GridSample" else node.op_type
    assert keep_spatial_transformer(model) is model


def test_a_spline_that_is_computed_is_marked_and_not_folded():
    model = recognizer_twin(VERSIONS[0])
    tile = next(node for node in model.graph.node if node.op_type == "Tile")
    repeated = tile.input[0]
    model.graph.node.append(onnx.helper.make_node("Mul", [repeated, repeated], ["squared"], name="computed"))
    tile.input[0] = "squared"
    kept = keep_spatial_transformer(model)
    assert len([node for node in grid_nodes(kept.graph) if node.op_type == "MatMul"]) == 2
    assert all(node.name.startswith(FLOAT32) for node in grid_nodes(kept.graph))
