"""Ensembles that Triton would refuse are refused by the build: a real Triton is asked in `integration`."""

import pytest
from spoiled_ensembles import SPOILED, repository_configs

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.repository.assemble import check_ensemble
from ocdrnet_deploy.repository.configs import drop_crop_widths
from ocdrnet_deploy.repository.replace import ENSEMBLES


@pytest.mark.parametrize("plans", [False, True])
@pytest.mark.parametrize("name", ENSEMBLES)
def test_ensembles_of_the_project_pass(plans, name):
    configs = repository_configs()
    if plans:
        drop_crop_widths(configs[name])
        del configs["ocrnet"].input[1:]
    check_ensemble(configs[name], configs)


def test_both_ensembles_ask_the_same_steps_for_the_same():
    """What they differ in is the form of the image, and names in capital or small letters."""
    files, pixels = (repository_configs()[name] for name in ENSEMBLES)
    told = {"BOXES": "boxes", "TEXTS": "txts", "TEXT_SCORES": "scores"}
    outputs = {each.name: (each.data_type, list(each.dims)) for each in files.output if each.name != "FRAMES"}
    assert {told.get(name, name.lower()): kind for name, kind in outputs.items()} == {
        each.name: (each.data_type, list(each.dims)) for each in pixels.output
    }
    names = {name: told.get(name, name.lower()) for name in outputs}
    for one, other in zip(files.ensemble_scheduling.step, pixels.ensemble_scheduling.step, strict=True):
        assert one.model_name == other.model_name
        expected = {key: names.get(value, value) for key, value in one.output_map.items() if value != "FRAMES"}
        assert expected == dict(other.output_map)
        if one.model_name != "image_preprocess":
            assert {key: names.get(value, value) for key, value in one.input_map.items()} == dict(other.input_map)


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_ensemble_is_refused_with_the_reason(name):
    spoil, reason, _ = SPOILED[name]
    configs = repository_configs()
    spoil(configs["ocdrnet"], configs)
    with pytest.raises(BuildError, match=f"^the ensemble ocdrnet would not load: .*{reason}"):
        check_ensemble(configs["ocdrnet"], configs)
