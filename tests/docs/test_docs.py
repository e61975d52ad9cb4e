"""Documentation that cannot drift from the code."""

import re
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from docs.write_options import PAGE, options_page
from ocdrnet_cli.main import main
from ocdrnet_deploy.repository.replace import ENSEMBLES
from ocdrnet_ops.options import OPTIONS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX = (ROOT / "docs/README.md").read_text(encoding="utf-8")
INTERFACE = (ROOT / "docs/interface.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "helm/ocdrnet/README.md"]
}


def prose(page):
    """A page without its fenced code."""
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def links():
    """Each page with the targets of its links, also of those that a line break divides."""
    for path, page in PAGES.items():
        for target in dict.fromkeys(re.findall(r"\]\(\s*([^)\s]+)\s*\)", prose(page))):
            yield pytest.param(path, target, id=f"{path.relative_to(ROOT)}-{target}")


def anchors(page):
    """What GitHub makes of a page's headings: small letters, spaces as hyphens, other signs left out."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def tensors():
    """Inputs and outputs of both ensembles."""
    for name in ENSEMBLES:
        text = (ROOT / f"model_repository/{name}/config.pbtxt").read_text(encoding="utf-8")
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        yield from (tensor.name for tensor in (*config.input, *config.output))


def test_options_page_is_what_the_definitions_say():
    assert PAGE.read_text(encoding="utf-8") == options_page(), "run `make docs`"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_options_page_has_every_option(option):
    assert f"| `{option.name}` | {option.type_name} | {option.allowed} | {option.help} |" in options_page()


@pytest.mark.parametrize("name", [*tensors()])
def test_interface_page_has_every_tensor_of_the_ensembles(name):
    assert f"`{name}`" in INTERFACE


@pytest.mark.parametrize("command", sorted(main.list_commands(None)))
def test_readme_or_index_has_every_command(command):
    assert f"ocdrnet {command}" in README + INDEX


def test_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES if path.parent.name == "docs"))
def test_index_has_every_page(page):
    assert page == "README.md" or f"]({page})" in INDEX


@pytest.mark.parametrize(("page", "target"), [*links()])
def test_links_lead_somewhere(page, target):
    if target.startswith("https://"):
        return
    file, _, anchor = target.partition("#")
    path = (page.parent / file).resolve() if file else page
    assert path.exists()
    assert not anchor or anchor in anchors(path.read_text(encoding="utf-8"))


def test_anchors_are_those_of_github():
    page = "# One: `two`, three's\n\n```\n# not a heading\n```\n## 2. Build and serve\n"
    assert anchors(page) == {"one-two-threes", "2-build-and-serve"}


def test_folders_of_the_readme_exist():
    folders = re.findall(r"^\| `([a-z_/]+/)` \|", README, flags=re.MULTILINE)
    assert len(folders) >= 8
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("target", re.findall(r"\bmake ([a-z]+)", README + CONTRIBUTING))
def test_targets_that_are_named_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
