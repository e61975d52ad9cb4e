import math

import pytest

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.files import model_repository
from ocdrnet_deploy.repository.profile import MOST_PROCESSES, STEP_SHARES, parse_processes, processes_for
from ocdrnet_deploy.repository.replace import ENSEMBLES


def test_shares_are_of_all_python_steps_but_the_networks():
    steps = {path.parent.name for path in model_repository().glob("*/config.pbtxt")} - {*ENSEMBLES, "ocdnet", "ocrnet"}
    assert set(STEP_SHARES) == steps
    assert math.isclose(sum(STEP_SHARES.values()), 1.0)


@pytest.mark.parametrize("cores", [0.1, 1.0, 5.6, 20.0])
def test_processes_are_as_few_as_are_not_over_seven_tenths_busy(cores):
    for name, count in processes_for(cores).items():
        busy = cores * STEP_SHARES[name]
        assert busy / count <= 0.7 + 1e-9
        assert count == 1 or busy / (count - 1) > 0.7


def test_processes_have_an_end():
    assert max(processes_for(1e6).values()) == MOST_PROCESSES


def test_counts_are_read_from_texts():
    assert parse_processes(["text_crop=2", "image_preprocess=64", "text_crop=3"]) == {
        "text_crop": 3,
        "image_preprocess": 64,
    }
    assert parse_processes([]) == {}


@pytest.mark.parametrize("value", ["ocdnet=2", "=2", "", "text=2"])
def test_unknown_steps_are_refused_with_the_known(value):
    with pytest.raises(BuildError, match=r"no Python step is called .*image_preprocess, text_decode"):
        parse_processes([value])


@pytest.mark.parametrize(
    "value", ["text_crop", "text_crop=", "text_crop=0", "text_crop=65", "text_crop=-1", "text_crop=\u00b2"]
)
def test_counts_that_are_none_are_refused_with_the_limit(value):
    with pytest.raises(BuildError, match=rf"'{value}' wants processes from 1 to 64, as in text_crop=2"):
        parse_processes([value])
