"""Documentation that cannot drift from the code."""

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from docs.write_options import PAGE, options_page
from ocdrnet_client.cli import main
from ocdrnet_ops.options import OPTIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def ensemble():
    text = (ROOT / "model_repository/ocdrnet/config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_options_page_is_what_the_definitions_say():
    assert PAGE.read_text(encoding="utf-8") == options_page(), "run `make docs`"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_options_page_has_every_option(option):
    assert f"| `{option.name}` | {option.type_name} | {option.allowed} | {option.help} |" in options_page()


@pytest.mark.parametrize("name", [output.name for output in ensemble().output])
def test_readme_has_every_output_of_the_ensemble(name):
    assert f"`{name}`" in README


@pytest.mark.parametrize("command", sorted(main.list_commands(None)))
def test_readme_has_every_command(command):
    assert f"ocdrnet {command}" in README


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_of_the_readme_lead_somewhere(target):
    assert target.startswith("https://") or (ROOT / target).exists()


def test_folders_of_the_readme_exist():
    folders = re.findall(r"^\| `([a-z_/]+/)` \|", README, flags=re.MULTILINE)
    assert len(folders) >= 8
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("target", re.findall(r"\bmake ([a-z]+)", README + (ROOT / "CONTRIBUTING.md").read_text()))
def test_targets_that_are_named_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
