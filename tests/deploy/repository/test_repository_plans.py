"""TensorRT repositories of every network of the catalog, held against the published contracts."""

import dataclasses
import json

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_files import place_twins

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.files import model_repository
from ocdrnet_deploy.networks.prepare import prepare_recognizer
from ocdrnet_deploy.repository.build import BuildOptions, build_repository
from ocdrnet_deploy.repository.configs import read_config
from ocdrnet_deploy.repository.replace import ENSEMBLES
from ocdrnet_deploy.tensorrt.network_plan import recognizer_plan
from ocdrnet_deploy.tensorrt.plan import check_plan
from ocdrnet_ops.cards import read_detector_card, read_recognizer_card
from ocdrnet_ops.recognition.width_groups import padded_width

KIND_GPU = model_config_pb2.ModelInstanceGroup.KIND_GPU
NETWORKS = ("ocdnet", "ocrnet", "ocrnet_plan")
TENSORRT = BuildOptions(engine="tensorrt")


@pytest.fixture
def twins(tmp_path, monkeypatch):
    folder = tmp_path / "twins"
    folder.mkdir()
    place_twins(folder, monkeypatch)


def config(folder, name):
    return text_format.Parse((folder / name / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def tensors(values):
    return [(value.name, model_config_pb2.DataType.Name(value.data_type), list(value.dims)) for value in values]


@pytest.mark.full
@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize("version", DETECTORS, ids=lambda version: version.name)
def test_detector_of_the_contracts(tmp_path, gpu_machine, version):
    """Input 736x1280 and its map, fixed; v2.0 one image a run."""
    build_repository(tmp_path / "served", version.name, "ocrnet-v1.0", TENSORRT)
    served = config(tmp_path / "served", "ocdnet")
    batch = 1 if version.name == "ocdnet-v2.0" else 8
    assert served.max_batch_size == batch
    for step in ("image_preprocess", "dbnet_postprocess"):
        assert config(tmp_path / "served", step).parameters["max_tiles"].string_value == str(batch)
    assert tensors(served.input) == [("input", "TYPE_UINT8", [736, 1280, 3])]
    assert tensors(served.output) == [("pred", "TYPE_UINT8", [1, 736, 1280])]
    assert list(served.dynamic_batching.preferred_batch_size) == ([] if batch == 1 else [8])
    assert [spec.batch_size for spec in served.optimization.cuda.graph_spec] == sorted({1, batch})
    command, _ = gpu_machine.commands
    assert command["minShapes"] == "input:1x736x1280x3"
    assert command["maxShapes"] == f"input:{batch}x736x1280x3"


@pytest.mark.full
@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize("version", RECOGNIZERS, ids=lambda version: version.name)
def test_recognizer_of_the_contracts(tmp_path, gpu_machine, version):
    """1x32x100 or 1x64x200 and 26 time steps; min 1, opt 32."""
    build_repository(tmp_path / "served", "ocdnet-v2.3", version.name, TENSORRT)
    served = config(tmp_path / "served", "ocrnet")
    height, width = version.size
    assert served.max_batch_size == 1000
    assert tensors(served.input) == [("input", "TYPE_UINT8", [height, width, 3])]
    assert tensors(served.output) == [("output_id", "TYPE_INT32", [26]), ("output_prob", "TYPE_FP32", [26])]
    assert list(served.dynamic_batching.preferred_batch_size) == [32]
    assert not served.optimization.HasField("cuda"), "an LSTM is a loop in TensorRT, which no CUDA graph holds"
    _, command = gpu_machine.commands
    assert command["minShapes"] == f"input:1x{height}x{width}x3"
    assert command["optShapes"] == f"input:32x{height}x{width}x3"
    assert command["maxShapes"] == f"input:1000x{height}x{width}x3"


@pytest.fixture
def served(tmp_path, gpu_machine):
    build_repository(tmp_path / "served", "ppocrv6-small", "ppocrv6-small", TENSORRT)
    return tmp_path / "served"


@pytest.mark.full
def test_default_networks(served, gpu_machine):
    detector, recognizer = config(served, "ocdnet"), config(served, "ocrnet_plan")
    for model in (detector, recognizer):
        assert (model.platform, model.backend, dict(model.parameters)) == ("tensorrt_plan", "", {})
        assert [(group.kind, group.count) for group in model.instance_group] == [(KIND_GPU, 1)]
        assert model.optimization.input_pinned_memory.enable
        assert model.optimization.output_pinned_memory.enable
        assert not model.optimization.HasField("cuda"), "its shapes are free"
        assert model.dynamic_batching.max_queue_delay_microseconds == 500
        assert not model.input[0].allow_ragged_batch
    assert tensors(detector.input) == [("input", "TYPE_UINT8", [-1, -1, 3])]
    assert tensors(detector.output) == [("pred", "TYPE_UINT8", [1, -1, -1])]
    assert tensors(recognizer.input) == [("input", "TYPE_UINT8", [48, -1, 3])]
    assert tensors(recognizer.output) == [("output_id", "TYPE_INT32", [-1]), ("output_prob", "TYPE_FP32", [-1])]
    assert [command["maxShapes"] for command in gpu_machine.commands] == [
        "input:8x2016x2016x3",
        "input:64x48x3584x3",
    ]
    assert [(warmup.batch_size, list(warmup.inputs["input"].dims)) for warmup in recognizer.model_warmup] == [
        (1, [48, 320, 3]),
        (32, [48, 320, 3]),
    ]
    assert recognizer.max_batch_size == 64


@pytest.mark.full
def test_crops_of_free_width_are_grouped_for_the_plan(served):
    """As one tensor, padded to the longest, they would be read differently; see `engines.tensorrt_plan`."""
    step, detector_card = config(served, "ocrnet"), read_detector_card(served / "ocdnet" / "1" / "card.json")
    assert (step.backend, step.max_batch_size) == ("python", 1000)
    assert detector_card.max_candidates == 1000
    assert {name: value.string_value for name, value in step.parameters.items()} == {
        "recognizer": "ocrnet",
        "runtime": "plan",
        "plan": "ocrnet_plan",
        "streams": "8",
        "max_columns": "8192",
        "threads": "0",
        "graphs": "0",
    }
    assert step.input[0].allow_ragged_batch
    for name in ENSEMBLES:
        ensemble = config(served, name)
        assert ensemble.ensemble_scheduling.max_inflight_requests >= 32
        ensemble.ensemble_scheduling.max_inflight_requests = 0
        assert list(ensemble.parameters) == ["scripts"]
        ensemble.ClearField("parameters")
        assert ensemble == read_config(model_repository() / name / "config.pbtxt")
    longest = padded_width(read_recognizer_card(served / "ocrnet" / "1" / "card.json").max_width)
    assert longest == 3584, "the plan takes what the step pads the longest crop to"


@pytest.mark.full
def test_files_beside_a_plan(served):
    files = {name: sorted(path.name for path in (served / name / "1").iterdir()) for name in NETWORKS}
    assert files == {
        "ocdnet": ["card.json", "model.plan", "model.plan.json"],
        "ocrnet": ["card.json", "model.py"],
        "ocrnet_plan": ["model.plan", "model.plan.json"],
    }
    for name in ("ocdnet", "ocrnet_plan"):
        assert json.loads((served / name / "1" / "model.plan.json").read_text())["compute_capability"] == "8.9"
    assert (served / "text_crop" / "1" / "model.py").exists()


@pytest.mark.usefixtures("twins", "gpu_machine")
def test_ensembles_give_a_plan_of_fixed_width_its_one_input(tmp_path):
    build_repository(tmp_path / "served", "ocdnet-v2.3", "ocrnet-v1.0", TENSORRT)
    assert not (tmp_path / "served" / "ocrnet_plan").exists()
    served = tmp_path / "served"
    for name in ENSEMBLES:
        steps = config(served, name).ensemble_scheduling.step
        assert [dict(step.input_map) for step in steps if step.model_name == "ocrnet"] == [
            {"input": "CROPS"},
            {"input": "TURNED_CROPS"},
        ]
        assert all("CROP_WIDTHS" in step.input_map for step in steps if step.model_name in ("text_turn", "text_decode"))
        assert not [step.model_name for step in steps if "TURNED_WIDTHS" in step.output_map.values()]


@pytest.mark.full
def test_building_for_the_cpu_again_leaves_no_plan(served):
    build_repository(served, "ppocrv6-small", "ppocrv6-small")
    assert sorted(path.name for path in (served / "ocrnet" / "1").iterdir()) == [
        "card.json",
        "charset.onnx",
        "model.onnx",
        "model.py",
        "trial.json",
    ]
    assert config(served, "ocrnet").backend == "python"
    assert not (served / "ocrnet_plan").exists()


@pytest.mark.full
def test_building_plans_again_leaves_no_onnx(served):
    build_repository(served, "ppocrv6-small", "ppocrv6-small")
    build_repository(served, "ppocrv6-small", "ppocrv6-small", TENSORRT)
    assert not list((served / "ocrnet" / "1").glob("*.onnx"))


@pytest.mark.full
def test_cut_recognizer_has_a_plan_of_its_own(served, gpu_machine):
    whole = json.loads((served / "ocrnet_plan" / "1" / "model.plan.json").read_text())
    build_repository(served, "ppocrv6-small", "ppocrv6-small", dataclasses.replace(TENSORRT, charset="latin"))
    cut = json.loads((served / "ocrnet_plan" / "1" / "model.plan.json").read_text())
    assert len(gpu_machine.commands) == 3  # the detector's and both recognizers'
    assert whole != cut
    assert len(read_recognizer_card(served / "ocrnet" / "1" / "card.json").characters) < 1000


@pytest.mark.full
def test_another_gpu_gets_plans_of_its_own(served, gpu_machine):
    """Those of the first lie in the cache, and in the folder that is built again."""
    gpu_machine.use_gpu("9.0", "NVIDIA H100")
    build_repository(served, "ppocrv6-small", "ppocrv6-small", TENSORRT)
    for name in ("ocdnet", "ocrnet_plan"):
        assert json.loads((served / name / "1" / "model.plan.json").read_text())["compute_capability"] == "9.0"
        check_plan(served / name / "1" / "model.plan")


@pytest.mark.parametrize(("width", "takes", "least"), [(0, 15, 16), (100, 255, 256)])
def test_recognizer_that_takes_fewer_crops_is_refused(width, takes, least):
    recognizer = prepare_recognizer("ppocrv6-small", engine="tensorrt")
    card = dataclasses.replace(recognizer.card, width=width)
    limited = dataclasses.replace(recognizer, card=card, max_batch=takes)
    with pytest.raises(BuildError, match=rf"takes {takes} crops a run.*up to {least} of an image.*--engine cuda"):
        recognizer_plan(limited, 256, "fp16")


@pytest.mark.parametrize(("takes", "batch"), [(0, 64), (16, 16), (100, 64)])
def test_plan_of_a_free_width_takes_what_the_network_takes(takes, batch):
    recognizer = dataclasses.replace(prepare_recognizer("ppocrv6-small", engine="tensorrt"), max_batch=takes)
    assert recognizer_plan(recognizer, 1000, "fp16").shapes.max_batch == batch


@pytest.mark.parametrize(
    ("engine", "precision", "has"),
    [("cpu", "fp16", "fp32, int8 and auto"), ("tensorrt", "int8", "fp16 and fp32"), ("cuda", "int8", "fp32 and fp16")],
)
def test_precision_that_an_engine_lacks(tmp_path, engine, precision, has):
    options = BuildOptions(engine=engine, precision=precision)
    with pytest.raises(BuildError, match=f"--engine {engine} has no {precision}; it has {has}"):
        build_repository(tmp_path, "ppocrv6-small", "ppocrv6-small", options)
