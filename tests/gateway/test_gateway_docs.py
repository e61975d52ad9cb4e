"""docs/gateway.md says what the code does."""

import re
from pathlib import Path

import pytest

from docs.write_gateway import PAGE, gateway_page, settings_table
from ocdrnet_gateway.app import create_app
from ocdrnet_gateway.settings import GatewaySettings, load_settings

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_table_is_what_the_definitions_say():
    assert gateway_page(TEXT) == TEXT, "run `make docs`"


@pytest.mark.parametrize("name", GatewaySettings.model_fields)
def test_every_setting_has_a_sentence(name):
    sentence = GatewaySettings.model_fields[name].description
    assert sentence.endswith(".")
    assert f"| `OCDRNET_GATEWAY_{name.upper()}` | " in settings_table()


def test_no_secret_is_shown():
    assert "| `OCDRNET_GATEWAY_SECRET` | random |" in settings_table()


def test_every_path_is_named(tmp_path):
    for path in create_app(load_settings({"store": str(tmp_path)})).openapi()["paths"]:
        assert path.partition("{")[0].rstrip("/") in TEXT, path


ROOT = Path(__file__).parents[2]
SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def cited():
    """Test files and names of docs/security.md; `::name` alone is of the file before it."""
    file = None
    for path, name in re.findall(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`", SECURITY):
        file = path or file
        yield file, name


@pytest.mark.parametrize(("file", "name"), [pair for pair in cited() if any(pair)])
def test_every_test_that_the_security_page_cites_exists(file, name):
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"def {name or 'test_'}", text)


@pytest.mark.parametrize(("name", "default"), re.findall(r"^\| `([A-Z_]+)` \| (\S+) \|", SECURITY, re.MULTILINE))
def test_every_limit_of_the_security_page_is_the_settings(name, default):
    field = GatewaySettings.model_fields[name.lower()]
    assert default == ("none" if field.default is None else str(field.default))


def test_the_security_page_has_every_limit():
    for name in GatewaySettings.model_fields:
        if name.startswith("max_") or name.endswith(("_timeout_s", "_lifetime_s", "_bytes")):
            assert f"| `{name.upper()}` |" in SECURITY, name
