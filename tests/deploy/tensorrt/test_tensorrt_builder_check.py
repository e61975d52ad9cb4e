"""`models inspect --engine tensorrt`: NVIDIA's own parser and builder, and what is made of their answers."""

import dataclasses
import json
import os
import re
import signal
import sys

import onnx
import pytest
from click.testing import CliRunner
from google.protobuf import text_format
from onnx import TensorProto, helper
from small_networks import small_model
from tritonclient.grpc import model_config_pb2
from twin_files import place_twins

from ocdrnet_deploy.commands.models import models
from ocdrnet_deploy.errors import BuildError, TensorRtError
from ocdrnet_deploy.networks.description_file import description_json
from ocdrnet_deploy.networks.propose import propose_description
from ocdrnet_deploy.repository import builder_check
from ocdrnet_deploy.repository.build import BuildOptions, build_repository
from ocdrnet_deploy.repository.builder_check import (
    COMPUTE_CAPABILITIES,
    EngineRequest,
    Tensor,
    check_build,
    engine_request,
)
from ocdrnet_deploy.tensorrt.shapes import ShapeRange

rtx = pytest.importorskip("tensorrt_rtx_bindings")
SHAPES = ShapeRange((1, 32, 64, 3), (4, 32, 64, 3), (8, 32, 64, 3))


def engine(model=None, shapes=SHAPES, output=(-1, 1, 32, 64), dtype="UINT8"):
    """A small detector that is wanted."""
    image = Tensor("input", "UINT8", (-1, *shapes.dims))
    return EngineRequest(
        "detector small", model or small_model(), "fp32", shapes, (image,), (Tensor("pred", dtype, output),)
    )


def changed(edit):
    model = small_model()
    edit(model.graph)
    return model


def node(graph, name):
    return next(node for node in graph.node if node.name == name)


def run(*arguments):
    return CliRunner().invoke(models, ["inspect", *map(str, arguments), "--engine", "tensorrt"])


@pytest.fixture
def twins(tmp_path, monkeypatch):
    place_twins(tmp_path, monkeypatch)


def test_accepted():
    found = check_build(engine(), "8.6")
    assert found.is_accepted
    assert found.builder == f"TensorRT for RTX {rtx.__version__}"
    assert (found.inputs, found.outputs) == (engine().inputs, engine().outputs)
    assert found.engine_bytes > 10_000
    assert found.seconds > 0
    assert found.memory > 50 << 20
    assert found.layers >= len(small_model().graph.node)


def test_every_node_that_is_not_taken_is_named_with_its_operator():
    def edit(graph):
        node(graph, "sigmoid").op_type = "Wobble"
        node(graph, "convolution").op_type = "Warp"

    found = check_build(engine(changed(edit)), "8.6")
    assert not found.is_accepted
    assert [(refusal.name, refusal.operator) for refusal in found.refusals] == [
        ("convolution", "Warp"),
        ("sigmoid", "Wobble"),
    ]
    assert all("Plugin not found" in refusal.reason for refusal in found.refusals)
    assert found.engine_bytes == 0


def test_reason_is_the_parsers_without_what_a_missing_driver_adds():
    def edit(graph):
        graph.initializer[0].CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(graph.initializer[0])[:, :2], "kernel")
        )

    (refusal,) = check_build(engine(changed(edit)), "8.6").refusals
    assert (refusal.name, refusal.operator) == ("convolution", "Conv")
    assert "Kernel weight dimension failed to broadcast" in refusal.reason
    assert "CUDA" not in refusal.reason
    assert "\n" not in refusal.reason


def test_types_are_strict_as_in_tensorrt_11():
    """FP16 beside FP32 without a cast: older TensorRT would cast by itself."""

    def edit(graph):
        scale = graph.initializer[1]
        scale.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(scale).astype("float16"), scale.name))

    (refusal,) = check_build(engine(changed(edit)), "8.6").refusals
    assert refusal.name == "ocdrnet_scaled"
    assert "Float and Half" in refusal.reason


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_precision_is_in_the_graph(twins, precision):
    graph = engine_request("recognizer", "ocrnet-v1.0.1", precision).model.graph
    assert any(weight.data_type == TensorProto.FLOAT16 for weight in graph.initializer) == (precision == "fp16")


@pytest.mark.parametrize(
    ("wanted", "difference"),
    [
        (
            engine(dtype="FP32"),
            "output pred is pred UINT8 [-1, 1, 32, 64]; config.pbtxt says pred FP32 [-1, 1, 32, 64]",
        ),
        (engine(output=(-1, 1, 32, 96)), "config.pbtxt says pred UINT8 [-1, 1, 32, 96]"),
        (engine(output=(-1, 32, 64)), "config.pbtxt says pred UINT8 [-1, 32, 64]"),
        (
            dataclasses.replace(engine(), outputs=()),
            "output pred is pred UINT8 [-1, 1, 32, 64]; config.pbtxt says nothing of it",
        ),
        (
            dataclasses.replace(engine(), inputs=(*engine().inputs, Tensor("CROP_WIDTHS", "INT32", (-1, 1)))),
            "input CROP_WIDTHS is missing; config.pbtxt says CROP_WIDTHS INT32 [-1, 1]",
        ),
    ],
    ids=["type", "size", "rank", "unknown", "missing"],
)
def test_what_differs_from_the_config_is_not_accepted(wanted, difference):
    found = check_build(wanted, "8.6")
    assert found.engine_bytes
    assert not found.is_accepted
    assert difference in found.differences[0]


def reshaped(*dims):
    """The map through a reshape whose numbers are baked in, as exporters do with a batch of one."""

    def edit(graph):
        graph.initializer.append(
            onnx.numpy_helper.from_array(
                onnx.numpy_helper.to_array(helper.make_tensor("", TensorProto.INT64, [len(dims)], dims)), "dims"
            )
        )
        node(graph, "ocdrnet_scaled").input[0] = "baked"
        graph.node.insert(4, helper.make_node("Reshape", ["map", "dims"], ["baked"], name="bakes"))

    return changed(edit)


def test_baked_batch_is_not_accepted_where_more_may_come():
    found = check_build(engine(reshaped(1, -1, 32, 64)), "8.6")
    assert not found.is_accepted
    assert (
        "output pred UINT8 [1, 4, 32, 64] for an input of [4, 32, 64, 3]; Triton expects pred UINT8 [4, 1, 32, 64]"
        in found.differences
    )


def test_baked_batch_is_accepted_where_one_comes():
    one = ShapeRange(*[(1, 32, 64, 3)] * 3)
    assert check_build(engine(reshaped(1, 1, 32, 64), one), "8.6").is_accepted


def test_shapes_that_cannot_be_at_an_end_of_the_profile_name_the_layer():
    """The builder itself takes them: it would come out on the GPU, with the first such batch."""
    free = small_model()
    for value in (free.graph.input[0], free.graph.output[0]):
        value.type.tensor_type.shape.dim[1 if value.name == "input" else 2].dim_param = "height"
    model = reshaped(-1, 1, 32, 64)
    model.graph.input[0].CopyFrom(free.graph.input[0])
    shapes = ShapeRange((1, 32, 64, 3), (2, 32, 64, 3), (3, 33, 64, 3))
    found = check_build(engine(model, shapes, (-1, 1, -1, 64)), "8.6")
    (refusal,) = found.refusals
    assert refusal.name == "bakes"
    assert refusal.reason.startswith("for an input of 3x33x64x3: ")
    assert "Reshaping [3,1,33,64] to [-1,1,32,64]" in refusal.reason
    assert found.engine_bytes == 0


def test_builders_own_refusal_is_told():
    """TensorRT for RTX has no FP32 products for Turing."""
    model = small_model()
    node(model.graph, "sigmoid").CopyFrom(helper.make_node("MatMul", ["logit", "square"], ["map"], name="product"))
    model.graph.initializer.append(
        onnx.numpy_helper.from_array(
            onnx.numpy_helper.to_array(helper.make_tensor("", TensorProto.FLOAT, [64, 64], [0.0] * 4096)), "square"
        )
    )
    found = check_build(engine(model), "7.5")
    assert not found.is_accepted
    assert "FP32 GEMM is not supported" in " ".join(found.errors)
    assert check_build(engine(model), "8.6").is_accepted


def test_node_of_the_plugin_that_does_not_fit_is_refused_before_anything_is_built(twins, monkeypatch):
    wanted = engine_request("detector", "ocdnet-v1.0-resnet18")
    deformable = [n for n in wanted.model.graph.node if n.op_type == "ModulatedDeformConv2d"]
    del deformable[2].attribute[:]
    monkeypatch.setattr(builder_check, "_run", None)
    found = check_build(wanted, "8.6")
    assert {refusal.name for refusal in found.refusals} == {deformable[2].name}
    assert len(found.refusals) == 5


def test_types_that_the_plugin_would_mix_are_refused(twins):
    """As a conversion to FP16 that leaves the offsets in FP32 would make."""
    wanted = engine_request("detector", "ocdnet-v1.0-resnet18")
    graph = wanted.model.graph
    first = next(n for n in graph.node if n.op_type == "ModulatedDeformConv2d")
    index = list(graph.node).index(first)
    graph.node.insert(index, helper.make_node("Cast", [first.input[1]], ["wide"], name="left", to=TensorProto.FLOAT))
    graph.node[index + 1].input[1] = "wide"
    (refusal,) = check_build(wanted, "8.6").refusals
    assert "offset FLOAT, mask FLOAT16" in refusal.reason


def test_builder_that_dies_is_told_with_its_last_words(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho parsing\necho out of luck >&2\nkill -SEGV $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(TensorRtError, match=rf"8\.6 \(signal {signal.SIGSEGV.value}\):\n  parsing\n  out of luck"):
        check_build(engine(), "8.6")


def test_builder_that_does_not_end_is_ended(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(builder_check, "LIMIT_S", 0.2)
    with pytest.raises(TensorRtError, match=r"killed: this check does so after .*\n  it printed nothing"):
        check_build(engine(), "8.6")


def test_interrupt_ends_the_builder():
    def interrupt(line):
        process.append(int(line))
        raise KeyboardInterrupt

    process = []
    command = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"]
    with pytest.raises(KeyboardInterrupt):
        builder_check._collect(command, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(process[0], 0)


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(
    ("detector", "recognizer", "free"),
    [
        ("ppocrv6-small", "ppocrv6-small", "ocrnet"),
        ("ocdnet-v2.0", "ocrnet-v1.0", ""),
        pytest.param("ocdnet-v1.0-resnet50", "ocrnet-v2.1.1", "", marks=pytest.mark.full),
    ],
)
def test_profile_graph_and_config_are_those_of_the_build(tmp_path, gpu_machine, detector, recognizer, free):
    gpu_machine.use(110000)
    build_repository(tmp_path / "served", detector, recognizer, BuildOptions(engine="tensorrt"))
    wanted = [engine_request("detector", detector), engine_request("recognizer", recognizer)]
    for command, name, engine_ in zip(gpu_machine.commands, ("ocdnet", "ocrnet"), wanted, strict=True):
        shapes = (engine_.shapes.least, engine_.shapes.tuned, engine_.shapes.most)
        built = [command[f"{end}Shapes"] for end in ("min", "opt", "max")]
        assert built == [f"input:{'x'.join(map(str, shape))}" for shape in shapes]
        # The plan of a recognizer for any width has a step of its own before it.
        model_name = f"{name}_plan" if name == free else name
        text = (tmp_path / "served" / model_name / "config.pbtxt").read_text()
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        for tensors, said in ((engine_.inputs, config.input), (engine_.outputs, config.output)):
            assert [(t.name, f"TYPE_{t.dtype}", list(t.dims[1:])) for t in tensors] == [
                (t.name, model_config_pb2.DataType.Name(t.data_type), list(t.dims)) for t in said
            ]


def test_batch_is_the_callers(twins):
    assert engine_request("detector", "ocdnet-v2.1", batch=3).shapes.most[0] == 3
    assert engine_request("detector", "ocdnet-v2.0", batch=3).shapes.most[0] == 1
    assert engine_request("recognizer", "ocrnet-v1.0", batch=5).shapes.most == (5, 32, 100, 3)


def test_report_of_a_name_that_is_a_detector_and_a_recognizer(monkeypatch):
    monkeypatch.setattr(
        "ocdrnet_deploy.commands.inspect_engine.check_build",
        lambda _, capability: dataclasses.replace(BUILT, compute_capability=capability),
    )
    result = run("ppocrv6-small")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line for line in lines if line.startswith(("detector", "recognizer"))] == [
        "detector ppocrv6-small, fp16, by TensorRT for RTX 1.7",
        "recognizer ppocrv6-small, fp16, by TensorRT for RTX 1.7",
    ]
    for capability in ("8.0", "8.6", "8.9", "12.0"):
        assert (
            sum(
                re.match(rf"{capability} +accepted: an engine of 2\.0 MiB from 7 layers", line) is not None
                for line in lines
            )
            == 2
        )
    assert "profile   1x32x32x3 to 8x2016x2016x3, tuned for 8x736x1312x3" in lines
    assert "output    output_prob FP32 [-1, -1]" in lines
    assert sum("nothing was run" in line for line in lines) == 2


BUILT = builder_check.BuildCheck(
    "8.6", "TensorRT for RTX 1.7", engine_bytes=2 << 20, seconds=1.5, layers=7, memory=300 << 20
)


def test_file_that_is_accepted_as_text_and_json(tmp_path):
    path = saved(tmp_path)
    result = run(path, "--compute-capability", "8.9", "--batch", 2, "--precision", "fp32")
    assert result.exit_code == 0, result.output
    assert "profile   1x32x64x3 to 2x32x64x3, tuned for 2x32x64x3" in result.stdout
    assert len(result.stdout.splitlines()) == 7
    assert len(result.stderr.splitlines()) <= 2  # the library alone would log thousands
    result = run(path, "--compute-capability", "8.9", "--json")
    (report,) = json.loads(result.stdout)
    assert (report["network"], report["precision"]) == ("detector net", "fp16")
    assert report["inputs"] == [{"name": "input", "dtype": "UINT8", "dims": [-1, 32, 64, 3]}]
    (check,) = report["checks"]
    assert (check["is_accepted"], check["compute_capability"], check["refusals"]) == (True, "8.9", [])


def saved(folder, operator="Sigmoid", count=1):
    nodes = [helper.make_node("Conv", ["input", "w"], ["c0"], name="conv")]
    nodes += [helper.make_node(operator, [f"c{i}"], [f"c{i + 1}"], name=f"last{i}") for i in range(count)]
    nodes[-1].output[0] = "pred"
    values = [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 3, 32, 64])]
    values.append(helper.make_tensor_value_info("pred", TensorProto.FLOAT, ["N", 1, 32, 64]))
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1, 3, 1, 1], [0.1, 0.2, 0.3])
    graph = helper.make_graph(nodes, "net", values[:1], values[1:], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "net.onnx")
    return folder / "net.onnx"


def test_file_that_is_refused_names_its_nodes_once(tmp_path):
    result = run(saved(tmp_path, "Wobble", 6), "--compute-capability", "8.6", "--compute-capability", "8.6")
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    lines = result.stdout.splitlines()
    assert sum(line.startswith("8.6") for line in lines) == 1
    (line,) = [line for line in lines if "Wobble" in line]
    assert "Wobble last0, last1, last2, last3 and 2 more: " in line
    assert "Plugin not found" in line
    assert "net.onnx is not accepted as it stands" in result.stderr


def test_card_is_what_the_file_is_adapted_by(tmp_path):
    path, card = saved(tmp_path), tmp_path / "card.json"
    description = propose_description(onnx.load(path)).description
    content = description_json(description)
    content["max_batch"] = 1
    card.write_text(json.dumps(content))
    with pytest.raises(BuildError, match="describes a detector"):
        engine_request("recognizer", str(path), card_file=card)
    result = run(path, "--use-card", card, "--compute-capability", "8.6")
    assert result.exit_code == 0, result.output
    assert "profile   1x32x64x3 to 1x32x64x3, tuned for 1x32x64x3" in result.stdout
    result = run(path, "--use-card", tmp_path / "missing.json")
    assert result.exit_code == 2
    assert "missing.json cannot be read as JSON" in result.stderr


@pytest.mark.parametrize("capability", ["9.0", "10.0", "86", "x"])
def test_capability_that_it_does_not_build_for(capability):
    result = run("ppocrv6-small", "--compute-capability", capability)
    assert result.exit_code == 2
    assert f"'{capability}' is not one that TensorRT for RTX builds for: they are 7.5, 8.0" in result.stderr


def test_capabilities_are_those_of_the_library():
    known = {name.removeprefix("SM") for name in dir(rtx.ComputeCapability) if name.startswith("SM")}
    assert {capability.replace(".", "") for capability in COMPUTE_CAPABILITIES} == known


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr(builder_check, "_PACKAGE", "nothing_of_that_name")
    result = run("ppocrv6-small")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Error: TensorRT for RTX, which checks a network without a GPU, is not installed" in result.stderr
    assert "pip install 'ocdrnet[tensorrt-check]'" in result.stderr


@pytest.mark.parametrize(
    ("network", "message"),
    [("nonesuch", "no network named 'nonesuch'"), ("./nonesuch.onnx", "nonesuch.onnx cannot be read as ONNX")],
)
def test_network_that_is_not_there(network, message):
    result = run(network)
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert message in result.stderr
