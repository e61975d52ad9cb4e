"""One thing set wrong in the configs of plans, or in the maps of their ensemble, and the build or Triton refuses."""

from functools import wraps

import pytest
from plan_server import PLAN_CHANGES, rehearsal
from test_plans_read import tall_page
from tritonclient.grpc import model_config_pb2

from ocdrnet_client import InvalidRequestError
from ocdrnet_deploy.errors import BuildError, TritonDiedError
from ocdrnet_deploy.repository import assemble
from ocdrnet_deploy.repository.build import BuildOptions
from ocdrnet_deploy.repository.configs import limit_tiles

PAIR = ("ocdnet-v2.0", "ocrnet-v1.0")  # of batch 1, and of one width


@pytest.fixture(scope="module")
def machine(tmp_path_factory, serve_folder):
    with rehearsal(tmp_path_factory.mktemp("gpu"), serve_folder) as made:
        yield made


def after(name, change):
    """Patches the editor of configs of that name: `change` is made to what it has edited."""

    def spoil(patch):
        edit = getattr(assemble, name)

        @wraps(edit)
        def edit_wrongly(config, *arguments):
            edit(config, *arguments)
            change(config)

        patch.setattr(assemble, name, edit_wrongly)

    return spoil


def as_it_was(patch):
    """The fault for which no repository of plans could load."""

    def drop_the_input_alone(ensemble):
        for step in ensemble.ensemble_scheduling.step:
            if step.model_name == "ocrnet":
                del step.input_map["CROP_WIDTHS"]

    patch.setattr(assemble, "drop_crop_widths", drop_the_input_alone)


def nothing_dropped(patch):
    patch.setattr(assemble, "drop_crop_widths", lambda ensemble: None)


def read_first_crops_again(ensemble):
    steps = [step for step in ensemble.ensemble_scheduling.step if step.model_name == "ocrnet"]
    steps[1].input_map["input"] = "CROPS"


def of_floats(config):
    config.input[0].data_type = model_config_pb2.TYPE_FP32


def ids_and_probabilities_swapped(config):
    config.output[0].data_type, config.output[1].data_type = (output.data_type for output in reversed(config.output))


def height_and_width_swapped(config):
    height, width, planes = config.input[0].dims
    config.input[0].dims[:] = [width, height, planes]


def any_size(config):
    config.input[0].dims[:] = [-1, -1, 3]


def larger_batch(config):
    config.max_batch_size += 1


def ragged(config):
    config.input[0].allow_ragged_batch = True


def other_outputs(config):
    config.output[0].dims[-1] += 1


def larger_preference(config):
    config.dynamic_batching.preferred_batch_size.append(config.max_batch_size + 1)


REFUSED_BY_THE_BUILD = {
    "the ensemble as it was": (as_it_was, "TURNED_WIDTHS, made by text_turn, is unused"),
    "widths for a plan": (nothing_dropped, "CROP_WIDTHS is mapped to input CROP_WIDTHS of ocrnet, which has input"),
    "the first crops twice": (after("drop_crop_widths", read_first_crops_again), "TURNED_CROPS, made by text_turn, is"),
    "images as floats": (after("place_plan", of_floats), "DETECTOR_INPUT is TYPE_UINT8 .*, and TYPE_FP32"),
}
REFUSED_BY_TRITON = {
    "height and width swapped": (height_and_width_swapped, "has dims .* in the config"),
    "dims left free": (any_size, "has dims .* in the config"),
    "a batch over the profile": (larger_batch, "max_batch_size [0-9]+ is over the profile's"),
    "a ragged batch": (ragged, "is ragged in the config"),
    "outputs of another size": (other_outputs, "has dims .* in the config"),
    "a preferred batch over the largest": (larger_preference, "preferred size must be <= max batch size"),
}


@pytest.mark.parametrize("name", REFUSED_BY_THE_BUILD)
def test_build_refuses_before_it_builds_a_plan(machine, monkeypatch, name):
    spoil, reason = REFUSED_BY_THE_BUILD[name]
    before = machine.machine.commands
    spoil(monkeypatch)
    with pytest.raises(BuildError, match=f"the ensemble ocdrnet would not load: {reason}"):
        machine.build(*PAIR)
    assert machine.machine.commands == before


@pytest.mark.full
@pytest.mark.parametrize("name", REFUSED_BY_TRITON)
def test_triton_refuses_a_config_that_is_not_the_plans(machine, monkeypatch, name):
    change, reason = REFUSED_BY_TRITON[name]
    after("place_plan", change)(monkeypatch)
    plans = machine.build(*PAIR)
    with pytest.raises(TritonDiedError, match=f"(?s){reason}"), machine.served(plans, PLAN_CHANGES):
        pass


@pytest.mark.full
@pytest.mark.parametrize(("variable", "value", "reason"), [
    ("TRTEXEC_VERSION", "110100", "version tag does not match"),
    ("STAND_IN_GPUS", "0, GPU-0, 9.0, NVIDIA H100", "plan of compute capability 8.9, on GPUs of 9.0"),
])  # fmt: skip
def test_plan_of_another_machine_does_not_load(machine, monkeypatch, variable, value, reason):
    plans = machine.build(*PAIR)
    monkeypatch.setenv(variable, value)
    with pytest.raises(TritonDiedError, match=f"(?s){reason}"), machine.served(plans, PLAN_CHANGES):
        pass


@pytest.mark.full
@pytest.mark.parametrize("spoiled", [False, True])
def test_more_tiles_than_the_plan_takes_are_refused(machine, monkeypatch, spoiled):
    """The step that cuts them is told the plan's batch; told more, images fail that are read otherwise."""

    if spoiled:
        monkeypatch.setattr(assemble, "limit_tiles", lambda config, tiles: limit_tiles(config, 32 * tiles))
    options = BuildOptions(engine="tensorrt", detector_batch=4)
    plans = machine.build("ppocrv6-small", "ocrnet-v1.0", options)
    with machine.served(plans, PLAN_CHANGES) as server, server.client(timeout=300) as client:
        if spoiled:
            with pytest.raises(InvalidRequestError, match="batch-size must be <= 4 for 'ocdnet'"):
                client.read(tall_page(), tiling="on")
        else:
            assert not client.read(tall_page(), tiling="on").truncated
