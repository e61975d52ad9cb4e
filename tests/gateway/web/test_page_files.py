"""The page's files: what they are, how they are served, and that they need nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ocdrnet_gateway.core.keys import new_key, save_keys
from ocdrnet_gateway.web.routes import load_assets
from ocdrnet_gateway.web.sample_copies import FOLDER, SOURCES, button_name, copy_name, write_copies
from ocdrnet_ops.options import OPTIONS
from ocdrnet_ops.scripts import UNSPACED

SAMPLES = Path(__file__).parents[3] / "samples"
NAMESPACE = "http://www.w3.org/2000/svg"
ASSETS = load_assets()
WRITTEN = [name for name in ASSETS if not name.endswith(".webp")]


class Tags(HTMLParser):
    """Every tag of a document with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_comes_with_a_policy_that_allows_nothing_inline_and_nothing_foreign(gateway, http):
    answer = http.get(f"{gateway}/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert policy["default-src"] == "'none'"
    assert {source for sources in policy.values() for source in sources.split()} <= {
        "'none'",
        "'self'",
        "blob:",
        "'script'",
    }
    assert "blob:" not in policy["script-src"]
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(ASSETS))
def test_every_file_is_served_guarded_with_its_type(gateway, http, name):
    answer = http.get(f"{gateway}/page/{name}")
    assert (answer.status_code, answer.content) == (200, ASSETS[name].content)
    assert answer.headers["content-type"] == ASSETS[name].media_type
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_file_that_the_browser_has_is_not_sent_again(gateway, http):
    first = http.get(f"{gateway}/page/main.js")
    again = http.get(f"{gateway}/page/main.js", headers={"if-none-match": first.headers["etag"]})
    other = http.get(f"{gateway}/page/main.js", headers={"if-none-match": '"another"'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.content == first.content
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    ["nothing.js", "../routes.py", "%2e%2e/routes.py", "..%2f..%2fsettings.py", "/etc/passwd", "samples", ""],
)
def test_no_other_file_can_be_had(gateway, http, path):
    answer = http.get(f"{gateway}/page/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("name", WRITTEN)
def test_no_file_names_another_host_or_makes_code_of_text(name):
    text = ASSETS[name].content.decode().replace(NAMESPACE, "")
    assert "//" not in re.sub(r"(?m)(^|\s)//\s.*$", "", text).replace("/**", "").replace("*/", "")
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text) == []


def test_nothing_is_inline_and_what_is_named_is_there():
    tags = Tags(ASSETS["index.html"].content.decode()).found
    assert [tag for tag, attributes in tags if tag == "style" or (tag == "script" and "src" not in attributes)] == []
    assert [name for _, attributes in tags for name in attributes if name == "style" or name.startswith("on")] == []
    named = [value for tag, a in tags for value in (a.get("src"), a.get("href") if tag == "link" else None) if value]
    assert len(named) >= 5
    assert {name.removeprefix("/page/") for name in named} <= ASSETS.keys()


@pytest.mark.parametrize("name", [name for name in WRITTEN if name.endswith(".js")])
def test_every_module_that_is_imported_is_there_and_used(name):
    imported = re.findall(r'from "\./(.+?)"', ASSETS[name].content.decode())
    others = "".join(asset.content.decode() for other, asset in ASSETS.items() if other.endswith((".js", ".html")))
    assert set(imported) <= ASSETS.keys()
    assert name in others


def test_every_id_that_the_modules_look_for_is_in_the_page():
    ids = {
        attributes["id"] for _, attributes in Tags(ASSETS["index.html"].content.decode()).found if "id" in attributes
    }
    modules = "".join(ASSETS[name].content.decode() for name in WRITTEN if name.endswith(".js"))
    assert set(re.findall(r'byId\("(.+?)"\)', modules)) <= ids


def test_the_configuration_says_what_this_gateway_does(start_gateway, http, tmp_path):
    _, entry = new_key("reader")
    save_keys(tmp_path / "keys.json", [entry])
    open_one, locked = start_gateway(max_upload_bytes=5_000_000), start_gateway(keys_file=tmp_path / "keys.json")
    described, other = (http.get(f"{server.url}/page/config.json").json() for server in (open_one, locked))
    assert (described["keys_required"], other["keys_required"]) == (False, True)
    assert described["image_bytes"] == 5_000_000
    assert [(option["name"], option["help"]) for option in described["options"]] == [
        (option.name, option.help) for option in OPTIONS
    ]
    kinds = {option["name"]: option["kind"] for option in described["options"]}
    assert (kinds["tiling"], kinds["charset"], kinds["min_size"], kinds["box_threshold"]) == (
        "choice",
        "text",
        "int",
        "float",
    )
    for sample in described["samples"]:
        assert {sample["picture"].removeprefix("/page/"), sample["button"].removeprefix("/page/")} <= ASSETS.keys()


def test_the_page_is_not_part_of_the_described_interface(gateway, http):
    paths = http.get(f"{gateway}/openapi.json").json()["paths"]
    assert "/v1/read" in paths
    assert [path for path in paths if path == "/" or path.startswith("/page")] == []


@pytest.mark.parametrize("source", SOURCES)
def test_the_copies_are_the_samples(source):
    with Image.open(SAMPLES / source) as original, Image.open(FOLDER / copy_name(source)) as copy:
        first, second = (np.asarray(picture.convert("RGB"), float) for picture in (original, copy))
    assert first.shape == second.shape
    assert np.abs(first - second).mean() < 4


def test_the_copies_can_be_made_again_and_stay_small(tmp_path):
    write_copies(SAMPLES, tmp_path)
    made = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert made.keys() == {name(source) for source in SOURCES for name in (copy_name, button_name)}
    assert sum(len(asset.content) for asset in ASSETS.values()) < 600_000
    with Image.open(tmp_path / button_name("receipt.jpg")) as button:
        assert button.size == (320, 240)


def test_joining_of_paragraphs_knows_the_same_scripts_as_the_server():
    text = ASSETS["join_text.js"].content.decode()
    pairs = re.findall(r"\\u\{?([0-9A-F]{4,5})\}?-\\u\{?([0-9A-F]{4,5})\}?", text)
    assert [(int(first, 16), int(last, 16)) for first, last in pairs] == list(UNSPACED)
