"""docs/gateway.md says what the code does."""

import pytest

from docs.write_gateway import PAGE, gateway_page, settings_table
from ocdrnet_gateway.app import create_app
from ocdrnet_gateway.load_settings import load_settings
from ocdrnet_gateway.settings import GatewaySettings

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
