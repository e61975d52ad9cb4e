"""The page on NVIDIA's networks says what the catalog says."""

import re

import pytest
from click.testing import CliRunner

from docs.write_networks import PAGE, networks_page
from ocdrnet_deploy.catalog.catalog import NgcFile, catalog
from ocdrnet_deploy.commands.models_download import download

TEXT = PAGE.read_text(encoding="utf-8")
NAMES = [entry.name for entry in catalog() if isinstance(entry.source, NgcFile)]


def test_tables_are_what_the_catalog_says():
    assert networks_page(TEXT) == TEXT, "run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_nvidia_is_in_a_table(name):
    assert len(re.findall(rf"^\| `{re.escape(name)}` \|", TEXT, flags=re.MULTILINE)) == 1


@pytest.mark.parametrize("option", ["--accept-eula", "--key-file", "--from", "--file"])
def test_every_option_of_the_download_is_explained(option):
    assert option in CliRunner().invoke(download, ["--help"]).stdout
    assert option in TEXT


@pytest.mark.parametrize("name", re.findall(r"models download (\S+)", TEXT))
def test_networks_of_the_examples_exist(name):
    assert name in NAMES


def test_page_without_a_place_for_the_tables_is_refused():
    with pytest.raises(ValueError, match="must hold the two marks"):
        networks_page("no marks")
