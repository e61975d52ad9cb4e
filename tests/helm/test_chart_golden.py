"""A change of the chart shows as a change of the manifests that lie in the repository."""

import pytest
import yaml
from chart_render import objects
from golden_manifests import GOLDEN, INSTALLS, manifest_text


@pytest.mark.parametrize("install", INSTALLS)
def test_golden_manifests_are_those_of_the_chart(install):
    golden = (GOLDEN / f"{install}.yaml").read_text(encoding="utf-8")
    assert golden == manifest_text(INSTALLS[install]), (
        "run `python tests/helm/golden_manifests.py`, and look at the diff"
    )


@pytest.mark.parametrize("install", INSTALLS)
def test_golden_manifests_hold_every_object(install):
    documents = list(yaml.safe_load_all((GOLDEN / f"{install}.yaml").read_text(encoding="utf-8")))
    assert documents == objects(INSTALLS[install])
