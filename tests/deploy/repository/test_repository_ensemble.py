"""Ensembles that Triton would refuse are refused by the build: a real Triton is asked in `integration`."""

import pytest
from spoiled_ensembles import SPOILED, repository_configs

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.repository.assemble import check_ensemble
from ocdrnet_deploy.repository.configs import drop_crop_widths


@pytest.mark.parametrize("plans", [False, True])
def test_ensembles_of_the_project_pass(plans):
    configs = repository_configs()
    if plans:
        drop_crop_widths(configs["ocdrnet"])
        del configs["ocrnet"].input[1:]
    check_ensemble(configs["ocdrnet"], configs)


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_ensemble_is_refused_with_the_reason(name):
    spoil, reason, _ = SPOILED[name]
    configs = repository_configs()
    spoil(configs["ocdrnet"], configs)
    with pytest.raises(BuildError, match=f"^the ensemble ocdrnet would not load: .*{reason}"):
        check_ensemble(configs["ocdrnet"], configs)
