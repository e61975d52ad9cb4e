"""What `--front-end gpu` changes in a served repository, and what not."""

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2
from twin_files import place_twins

from ocdrnet_deploy.repository.build import BuildOptions, build_repository
from ocdrnet_deploy.repository.profile import FRONT_END_PROCESSES, FRONT_END_STEPS

KIND_CPU, KIND_GPU = model_config_pb2.ModelInstanceGroup.KIND_CPU, model_config_pb2.ModelInstanceGroup.KIND_GPU
MANY_CORES = {"engine": "tensorrt", "cores": 64}


@pytest.fixture
def build(tmp_path, monkeypatch, gpu_machine):
    """Builds plans of twins; configs by the model's name, and what was said."""
    folder = tmp_path / "twins"
    folder.mkdir()
    place_twins(folder, monkeypatch)

    def built(**options):
        said = []
        build_repository(tmp_path / "served", "ocdnet-v2.3", "ocrnet-v1.0", BuildOptions(**options), said.append)
        configs = {}
        for path in (tmp_path / "served").glob("*/config.pbtxt"):
            configs[path.parent.name] = text_format.Parse(path.read_text(), model_config_pb2.ModelConfig())
        return configs, said

    return built


def groups(config):
    return [(group.kind, group.count) for group in config.instance_group]


def test_only_two_steps_change_and_no_tensor(build):
    usual, said = build(**MANY_CORES)
    assert said == []
    chosen, said = build(**MANY_CORES, front_end="gpu")
    assert [line.startswith("The front end works on NVIDIA") for line in said] == [True]
    assert {name for name in usual if usual[name] != chosen[name]} == set(FRONT_END_STEPS)
    for name in FRONT_END_STEPS:
        assert groups(usual[name])[0][0] == KIND_CPU
        assert groups(usual[name])[0][1] > FRONT_END_PROCESSES
        assert groups(chosen[name]) == [(KIND_GPU, FRONT_END_PROCESSES)]
        assert chosen[name].parameters.pop("front_end").string_value == "gpu"
        chosen[name].ClearField("instance_group")
        usual[name].ClearField("instance_group")
    # The image of `text_crop` stays where it is; `image_preprocess` gets a file, or pixels that are checked.
    assert chosen["text_crop"].parameters.pop("FORCE_CPU_ONLY_INPUT_TENSORS").string_value == "no"
    assert chosen == usual


def test_named_processes_hold_and_one_is_said_too(build):
    configs, _ = build(engine="tensorrt", cores=1, front_end="gpu", step_processes={"image_preprocess": 9})
    assert groups(configs["image_preprocess"]) == [(KIND_GPU, 9)]
    assert groups(configs["text_crop"]) == [(KIND_GPU, 1)]
