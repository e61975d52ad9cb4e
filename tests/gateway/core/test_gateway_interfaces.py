"""One setting says which interfaces are served."""

import json
from pathlib import Path

import pytest

from ocdrnet_gateway.app import ROUTERS
from ocdrnet_gateway.commands.up import _with_interfaces
from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.settings import INTERFACES, GatewaySettings, load_settings

ROOT = Path(__file__).parents[3]
# A path of each, and how it is asked; it is there if the answer is no 404.
PATHS = {
    "own": ("POST", "/v1/read"),
    "hosted": ("POST", "/v1/cv/nvidia/ocdrnet"),
    "nim": ("POST", "/v1/infer"),
    "azure": ("POST", "/documentintelligence/documentModels/prebuilt-read:analyze"),
    "mistral": ("GET", "/v1/files"),
    "liteparse": ("POST", "/ocr"),
    "vision": ("POST", "/v1/images:annotate"),
    "textract": ("POST", "/textract"),
}


def served(http, url):
    return {name for name, (method, path) in PATHS.items() if http.request(method, url + path).status_code != 404}


@pytest.mark.parametrize("chosen", ["own", "nim, hosted,", "own,hosted,nim", "azure,mistral"])
def test_an_interface_that_is_off_is_not_there(start_gateway, http, chosen):
    url = start_gateway(interfaces=chosen).url
    assert served(http, url) == {name.strip() for name in chosen.split(",")} - {""}
    for path in ("/v1/health/live", "/v1/health/ready", "/v1/models", "/v1/metrics"):
        assert http.get(url + path).status_code == 200


def test_other_peoples_interfaces_are_off_unless_they_are_asked_for():
    assert GatewaySettings.model_fields["interfaces"].default == "own,hosted,nim"


def test_up_serves_all_unless_the_variable_chooses(monkeypatch):
    assert _with_interfaces(load_settings({})).served == set(INTERFACES)
    monkeypatch.setenv("OCDRNET_GATEWAY_INTERFACES", "nim")
    assert _with_interfaces(load_settings({})).served == {"nim"}


def test_an_unknown_interface_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"no interface 'sftp'; there are own, hosted, nim"):
        load_settings({"interfaces": "own,sftp"})


def test_every_interface_has_routes_and_stands_in_the_chart():
    assert set(ROUTERS) == set(INTERFACES)
    schema = json.loads((ROOT / "helm/ocdrnet/values.schema.json").read_text(encoding="utf-8"))
    assert set(INTERFACES) <= set(schema["properties"]["gateway"]["properties"]["interfaces"]["items"]["enum"])
