import dataclasses
import os
from types import SimpleNamespace

import onnx
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.files import model_repository
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.repository.assemble import assemble_repository
from ocdrnet_deploy.repository.configs import config_text, place_detector, place_recognizer, read_config
from ocdrnet_deploy.repository.profile import (
    PROFILES,
    STEP_SHARES,
    PythonProfile,
    cpu_profile,
    cuda_profile,
    processes_for,
    tensorrt_profile,
)
from ocdrnet_ops.cards import DetectorCard, RecognizerCard, read_detector_card, read_recognizer_card

ENSEMBLES = {"ocdrnet", "ocr"}
TILING_STEPS = {"image_preprocess", "dbnet_postprocess"}
MODELS = ENSEMBLES | {
    "image_preprocess",
    "ocdnet",
    "dbnet_postprocess",
    "text_crop",
    "ocrnet",
    "text_turn",
    "text_decode",
}
ONE_EACH = dict.fromkeys(STEP_SHARES, 1)
KIND_CPU = model_config_pb2.ModelInstanceGroup.KIND_CPU
DETECTOR = PreparedDetector(
    onnx.ModelProto(producer_name="detector"), DetectorCard("d", "s", "MIT", "0", "multiple-of-32", max_candidates=70)
)
RECOGNIZER = PreparedRecognizer(
    onnx.ModelProto(producer_name="recognizer"), RecognizerCard("r", "s", "MIT", "0", 32, "ctc", ("a", "漢"))
)
PROFILE = PythonProfile(
    detector_threads=3,
    detector_processes=2,
    detector_streams=2,
    detector_graphs=4,
    recognizer_threads=6,
    recognizer_streams=5,
    recognizer_graphs=11,
    recognizer_columns=77,
    detector_batch=6,
    max_tiles=9,
    recognizer_batch=70,
    step_processes={"text_crop": 3, "text_turn": 1, "image_preprocess": 4},
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "repository"
    assemble_repository(folder, DETECTOR, RECOGNIZER, PROFILE)
    return folder


def config(folder, name):
    return text_format.Parse((folder / name / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())


def values(message):
    return {name: value.string_value for name, value in message.parameters.items()}


def test_all_models_are_there(built):
    assert {path.name for path in built.iterdir()} == MODELS
    for name in MODELS:
        assert config(built, name).name == name
        assert (built / name / "1").is_dir()


def test_what_the_trial_found_is_in_the_configs(tmp_path):
    """A network that bfloat16 spoils keeps FP32, a slow one is warmed up once, and `serve` finds what was measured."""
    slow = dataclasses.replace(DETECTOR, warm_ups=1)
    exact = dataclasses.replace(RECOGNIZER, precision="f32")
    assemble_repository(tmp_path / "served", slow, exact, PROFILE, trials=("of the detector", "of the recognizer"))
    detector, recognizer = (values(config(tmp_path / "served", name)) for name in ("ocdnet", "ocrnet"))
    assert (detector["warm_ups"], "precision" in detector) == ("1", False)
    assert ("warm_ups" in recognizer, recognizer["precision"]) == (False, "f32")
    assert (tmp_path / "served" / "ocdnet" / "1" / "trial.json").read_text() == "of the detector"
    assert (tmp_path / "served" / "ocrnet" / "1" / "trial.json").read_text() == "of the recognizer"


def test_code_is_the_projects(built):
    for name in MODELS - ENSEMBLES:
        assert (built / name / "1" / "model.py").read_bytes() == (
            model_repository() / name / "1" / "model.py"
        ).read_bytes()
    for name in ENSEMBLES:
        assert not list((built / name / "1").iterdir())


def test_weights_and_cards_lie_beside_their_models(built):
    for name, prepared in (("ocdnet", DETECTOR), ("ocrnet", RECOGNIZER)):
        assert (built / name / "1" / "model.onnx").read_bytes() == prepared.model.SerializeToString()
    assert read_detector_card(built / "ocdnet" / "1" / "card.json") == DETECTOR.card
    assert read_recognizer_card(built / "ocrnet" / "1" / "card.json") == RECOGNIZER.card


def test_several_recognizers_share_a_card_and_have_their_own_files(tmp_path):
    other = PreparedRecognizer(
        onnx.ModelProto(producer_name="other"),
        dataclasses.replace(RECOGNIZER.card, name="o", characters=("б", "в", "г")),
        runtime="onnxruntime",
        precision="f32",
        charset_model=onnx.ModelProto(producer_name="with a charset"),
    )
    assemble_repository(tmp_path / "served", DETECTOR, RECOGNIZER, PROFILE, others=[other])
    folder = tmp_path / "served" / "ocrnet" / "1"
    assert (folder / "model.onnx").read_bytes() == RECOGNIZER.model.SerializeToString()
    assert (folder / "model_2.onnx").read_bytes() == other.model.SerializeToString()
    assert (folder / "charset_2.onnx").read_bytes() == other.charset_model.SerializeToString()
    assert not (folder / "charset.onnx").exists()
    card = read_recognizer_card(folder / "card.json")
    assert (card.name, card.characters, card.shares) == ("r + o", ("a", "漢", "б", "в", "г"), (2, 3))
    found = values(config(tmp_path / "served", "ocrnet"))
    assert (found["runtime_2"], found["precision_2"], "runtime" in found) == ("onnxruntime", "f32", False)


def test_recognizers_of_other_crops_are_refused(tmp_path):
    other = dataclasses.replace(RECOGNIZER, card=dataclasses.replace(RECOGNIZER.card, name="o", height=48))
    with pytest.raises(BuildError, match="r and o cannot read the same crops: their height is 32 and 48"):
        assemble_repository(tmp_path / "served", DETECTOR, RECOGNIZER, PROFILE, others=[other])
    assert not (tmp_path / "served").exists()


def test_profile_is_in_the_configs(built):
    detector, recognizer = config(built, "ocdnet"), config(built, "ocrnet")
    assert (detector.max_batch_size, recognizer.max_batch_size) == (9, 70)
    assert list(detector.dynamic_batching.preferred_batch_size) == [6]
    assert values(detector) == {"threads": "3", "streams": "2", "graphs": "4"}
    assert [(group.kind, group.count) for group in detector.instance_group] == [(KIND_CPU, 2)]
    assert values(recognizer) == {
        "threads": "6",
        "streams": "5",
        "graphs": "11",
        "max_columns": "77",
        "recognizer": "ocrnet",
    }
    assert not recognizer.instance_group


def test_steps_have_the_profiles_processes(built):
    found = {name: [(group.kind, group.count) for group in config(built, name).instance_group] for name in MODELS}
    assert found == {
        "text_crop": [(KIND_CPU, 3)],
        "image_preprocess": [(KIND_CPU, 4)],
        "ocdnet": [(KIND_CPU, 2)],
        **{name: [] for name in ("dbnet_postprocess", "ocrnet", "text_turn", "text_decode", *ENSEMBLES)},
    }


@pytest.mark.parametrize(("megabytes", "graphs"), [(10, 11), (100, 8), (1000, 0)])
def test_graphs_of_a_large_recognizer_are_fewer(megabytes, graphs):
    sized = SimpleNamespace(ByteSize=lambda: megabytes << 20)
    place = read_config(model_repository() / "ocrnet" / "config.pbtxt")
    place_recognizer(place, dataclasses.replace(RECOGNIZER, model=sized), PROFILE)
    assert values(place)["graphs"] == str(graphs)


def test_crop_height_is_the_cards(built):
    assert list(config(built, "ocrnet").input[0].dims) == [32, -1, 3]
    assert list(config(built, "ocdnet").input[0].dims) == [-1, -1, 3]


def test_other_configs_are_the_templates(built):
    for name in MODELS - {*ENSEMBLES, *TILING_STEPS, "ocdnet", "ocrnet", "text_crop"}:
        assert config(built, name) == read_config(model_repository() / name / "config.pbtxt")


def test_the_ensemble_names_the_scripts_that_are_read(tmp_path):
    """And is the template in all else."""
    card = dataclasses.replace(RECOGNIZER.card, characters=tuple(map(chr, [*range(0x61, 0x7B), *range(0x5D0, 0x5EB)])))
    assemble_repository(tmp_path, DETECTOR, dataclasses.replace(RECOGNIZER, card=card), PROFILE)
    for name in ENSEMBLES:
        ensemble = config(tmp_path, name)
        assert values(ensemble) == {"scripts": "Latin, Hebrew"}
        ensemble.ClearField("parameters")
        assert ensemble == read_config(model_repository() / name / "config.pbtxt")


@pytest.mark.parametrize(("detector_batch", "limit"), [(6, 9), (9, 9), (100, 100)])
def test_tiles_are_as_many_as_the_detector_takes_at_once(tmp_path, detector_batch, limit):
    assemble_repository(tmp_path, DETECTOR, RECOGNIZER, dataclasses.replace(PROFILE, detector_batch=detector_batch))
    assert config(tmp_path, "ocdnet").max_batch_size == limit
    assert [values(config(tmp_path, name))["max_tiles"] for name in TILING_STEPS] == [str(limit)] * 2


def test_templates_agree_on_the_tiles():
    templates = {name: read_config(model_repository() / name / "config.pbtxt") for name in MODELS}
    limit = str(templates["ocdnet"].max_batch_size)
    limits = {values(templates[name])["max_tiles"] for name in TILING_STEPS}
    assert limits == {limit} == {str(PythonProfile().max_tiles)}


def test_only_the_networks_batch(built):
    batches = {name: config(built, name).max_batch_size for name in MODELS}
    assert {name for name, size in batches.items() if size} == {"ocdnet", "ocrnet"}


@pytest.mark.parametrize("name", sorted(ENSEMBLES))
def test_every_step_of_the_ensemble_is_a_model_with_its_tensors(built, name):
    """A tensor that no step makes, or a name that a model lacks, would show only when Triton loads it."""
    ensemble = config(built, name)
    made = {tensor.name for tensor in ensemble.input}
    for step in ensemble.ensemble_scheduling.step:
        model = config(built, step.model_name)
        needed = {tensor.name for tensor in model.input if not tensor.optional}
        assert needed <= set(step.input_map) <= {tensor.name for tensor in model.input}
        assert set(step.output_map) <= {tensor.name for tensor in model.output}
        assert set(step.input_map.values()) <= made
        made |= set(step.output_map.values())
    assert {tensor.name for tensor in ensemble.output} <= made
    assert {step.model_name for step in ensemble.ensemble_scheduling.step} == MODELS - ENSEMBLES


def test_batch_below_the_candidate_cap_is_refused_with_both_numbers(tmp_path):
    profile = dataclasses.replace(PROFILE, recognizer_batch=69)
    with pytest.raises(
        BuildError, match=r"batch of 69 is below the detector's candidate cap of 70.*--recognizer-batch"
    ):
        assemble_repository(tmp_path / "repository", DETECTOR, RECOGNIZER, profile)
    assert not (tmp_path / "repository").exists()


def test_rebuilding_replaces(tmp_path):
    assemble_repository(tmp_path, DETECTOR, RECOGNIZER, PROFILE)
    card = dataclasses.replace(RECOGNIZER.card, height=64)
    other = PreparedRecognizer(onnx.ModelProto(producer_name="other"), card)
    assemble_repository(tmp_path, DETECTOR, other, dataclasses.replace(PROFILE, recognizer_batch=90))
    assert read_recognizer_card(tmp_path / "ocrnet" / "1" / "card.json").height == 64
    assert (tmp_path / "ocrnet" / "1" / "model.onnx").read_bytes() == other.model.SerializeToString()
    assert config(tmp_path, "ocrnet").max_batch_size == 90
    assert config(tmp_path, "ocrnet").input[0].dims[0] == 64
    assert not list(tmp_path.rglob(".*"))


def test_folder_that_cannot_be_made_is_a_build_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BuildError, match=r"file.*was not assembled: .*(Not a directory|File exists)"):
        assemble_repository(tmp_path / "file" / "repository", DETECTOR, RECOGNIZER, PROFILE)


def test_placing_leaves_other_fields_as_they_were():
    for name, place in (
        ("ocdnet", lambda c: place_detector(c, DETECTOR, PROFILE)),
        ("ocrnet", lambda c: place_recognizer(c, RECOGNIZER, PROFILE)),
    ):
        template = read_config(model_repository() / name / "config.pbtxt")
        placed = read_config(model_repository() / name / "config.pbtxt")
        place(placed)
        for message in (template, placed):
            message.ClearField("parameters")
            message.max_batch_size = 0
            message.ClearField("instance_group")
            message.dynamic_batching.ClearField("preferred_batch_size")
            message.input[0].dims[0] = 0
        assert placed == template


def test_config_text_is_parseable():
    template = read_config(model_repository() / "ocdrnet" / "config.pbtxt")
    assert text_format.Parse(config_text(template), model_config_pb2.ModelConfig()) == template


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("latency", PythonProfile(0, 1, 2, 4, 0, 8, 0, 1, 64, 256, 99, ONE_EACH)),
        ("throughput", PythonProfile(4, 2, 4, 1, 0, 8, 10, 8, 64, 1024, 99, {**ONE_EACH, "dbnet_postprocess": 2})),
        ("small", PythonProfile(0, 1, 1, 0, 0, 1, 0, 1, 16, 256, 99)),
    ],
)
def test_profiles_of_eight_cores(monkeypatch, kind, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert cpu_profile(kind, 99, 8) == expected


@pytest.mark.parametrize("kind", ["balanced", "latency", "small"])
def test_networks_keep_to_the_cores_that_the_server_may_use(monkeypatch, kind):
    """Where it may use fewer than there are, as a container with a limit may."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    here, limited = cpu_profile(kind, 99, 64), cpu_profile(kind, 99, 6)
    assert (here.detector_threads, here.recognizer_threads) == (0, 0), "all that are found when it is served"
    assert (limited.detector_threads, limited.recognizer_threads) == (6, 6)
    assert limited.recognizer_streams <= 6


def test_throughput_shares_a_limit_among_its_processes(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    limited = cpu_profile("throughput", 99, 6)
    assert (limited.detector_threads, limited.detector_processes, limited.recognizer_threads) == (3, 2, 6)


def test_cores_are_those_of_the_container_where_none_are_said(monkeypatch):
    monkeypatch.setattr("ocdrnet_deploy.repository.profile.usable_cores", lambda: 3)
    assert cpu_profile("balanced", 99).recognizer_streams == 3
    for profile in (cuda_profile(99), tensorrt_profile("balanced", 99)):
        assert profile.step_processes == processes_for(0.7 * 3)


@pytest.mark.parametrize(
    ("cores", "processes", "streams", "graphs", "batch"),
    [
        (1, 1, 1, (4, 40), 8),
        (2, 2, 1, (4, 40), 8),
        (4, 2, 2, (2, 20), 8),
        (15, 2, 7, (1, 5), 14),
        (64, 2, 32, (1, 1), 64),
        (96, 2, 48, (1, 0), 96),
    ],
)
def test_throughput_has_a_core_for_each_image(monkeypatch, cores, processes, streams, graphs, batch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    steps = {**processes_for(0.1 * cores), "dbnet_postprocess": 2}
    expected = PythonProfile(streams, processes, streams, graphs[0], 0, cores, graphs[1], batch, 64, 1024, 99, steps)
    assert cpu_profile("throughput", 99, cores) == expected


def test_profiles_of_tensorrt_differ_in_what_they_are_for():
    balanced, latency, throughput, small = (tensorrt_profile(kind, 99, 8) for kind in PROFILES)
    assert latency.queue_delay_us == 0 < balanced.queue_delay_us < throughput.queue_delay_us
    assert small.detector_batch < latency.detector_batch < balanced.detector_batch < throughput.detector_batch
    assert [profile.instances for profile in (balanced, latency, throughput, small)] == [1, 1, 2, 1]
    assert {profile.recognizer_batch for profile in (balanced, latency, throughput, small)} == {99}
    beside_eight_cores = {**ONE_EACH, "image_preprocess": 4, "text_decode": 2, "dbnet_postprocess": 2, "text_crop": 2}
    assert [profile.step_processes for profile in (balanced, latency, throughput)] == [beside_eight_cores] * 3
    assert small.step_processes == {}


@pytest.mark.parametrize(
    ("cores", "streams", "graphs", "batch"),
    [(1, 1, 4, 4), (2, 1, 4, 4), (4, 1, 4, 4), (8, 2, 4, 4), (15, 3, 2, 4), (32, 8, 1, 8), (64, 16, 1, 16)],
)
def test_profile_follows_the_cores_that_may_be_used(monkeypatch, cores, streams, graphs, batch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    profile = cpu_profile("balanced", 123, cores)
    steps = processes_for(0.1 * cores)
    assert profile == PythonProfile(0, 1, streams, graphs, 0, cores, 0, batch, 64, 256, 123, steps)


def test_onnxruntime_and_its_provider_are_in_the_configs(tmp_path):
    detector = dataclasses.replace(DETECTOR, runtime="onnxruntime", max_batch=1)
    recognizer = dataclasses.replace(RECOGNIZER, runtime="onnxruntime")
    assemble_repository(tmp_path, detector, recognizer, cuda_profile(70))
    for name in ("ocdnet", "ocrnet"):
        found = values(config(tmp_path, name))
        assert (found["runtime"], found["providers"]) == ("onnxruntime", "CUDAExecutionProvider")
        assert found["streams"] == "1"
    assert config(tmp_path, "ocdnet").max_batch_size == 64, "a network of batch 1 runs the tiles one by one"


def test_onnxruntime_on_the_cpu_names_no_provider(tmp_path):
    assemble_repository(tmp_path, dataclasses.replace(DETECTOR, runtime="onnxruntime"), RECOGNIZER, PROFILE)
    assert values(config(tmp_path, "ocdnet")) == {
        "threads": "3",
        "streams": "2",
        "graphs": "4",
        "runtime": "onnxruntime",
    }


def test_fixed_width_is_the_cards(tmp_path):
    fixed = dataclasses.replace(RECOGNIZER, card=dataclasses.replace(RECOGNIZER.card, width=100))
    assemble_repository(tmp_path, DETECTOR, fixed, PROFILE)
    assert list(config(tmp_path, "ocrnet").input[0].dims) == [32, 100, 3]
