"""Scripts written for the hosted endpoint, in three languages, against a real Triton behind the gateway."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
import uuid
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from sample_truth import SAMPLES

from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.core.reader import TritonReader
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

SCRIPTS = Path(__file__).parent / "hosted_clients"
PICTURE = SAMPLES / "receipt.jpg"
CLIENTS = [
    pytest.param(["bash", SCRIPTS / "ocdrnet_curl.sh"], id="curl", marks=pytest.mark.program("bash", "curl", "jq")),
    pytest.param([sys.executable, SCRIPTS / "ocdrnet_requests.py"], id="requests"),
    pytest.param(["node", SCRIPTS / "ocdrnet_fetch.mjs"], id="fetch", marks=pytest.mark.program("node")),
]


class SlowReader(TritonReader):
    """Triton, some seconds late."""

    def __init__(self, url, seconds):
        super().__init__(url)
        self._seconds = seconds

    async def read(self, image, options, **more):
        await asyncio.sleep(self._seconds)
        return await super().read(image, options, **more)


@pytest.fixture(params=CLIENTS)
def script(request, tmp_path):
    """Runs the script of one language; without a key of the test's own it sends one that means nothing."""

    def run(url, picture=PICTURE, **variables):
        environment = {
            **os.environ,
            "AI_HOST": url,
            "NVCF_HOST": url,
            "API_KEY": "nvapi-anything",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            **variables,
        }
        answer = tmp_path / f"{uuid.uuid4()}.zip"
        done = subprocess.run(
            [*request.param, picture, answer],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return done, answer

    return run


@pytest.fixture
def start(served, tmp_path):
    servers = []

    def started(seconds=0.0, **settings):
        url = served.addresses.grpc_url
        given = {"port": 0, "triton": url, "store": str(tmp_path / "store"), **settings}
        server = GatewayServer(load_settings(given), SlowReader(url, seconds) if seconds else None)
        servers.append(server)
        server.start()
        return server.url

    yield started
    for server in servers:
        server.stop()


def make_key(path, *options):
    return CliRunner().invoke(keys, ["create", "ann", "--file", str(path), *options]).stdout.strip()


def check_zip(path, page, original=PICTURE):
    """The zip holds what Triton reads in the image, and the image."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        response, picture = sorted(archive.namelist(), key=lambda name: not name.endswith(".response"))
        assert str(uuid.UUID(response.removesuffix(".response"))) + ".response" == response
        metadata = json.loads(archive.read(response))["metadata"]
        with archive.open(picture) as file, Image.open(file) as drawn, Image.open(original) as source:
            assert drawn.size == source.size
            assert drawn.convert("RGB").tobytes() != source.convert("RGB").tobytes()
    assert [found["label"] for found in metadata] == [line.text for line in page.lines]
    for found, line in zip(metadata, page.lines, strict=True):
        corners = [value for point in line.box for value in point]
        assert list(found["polygon"]) == ["x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"]
        assert list(found["polygon"].values()) == pytest.approx(corners, abs=0.06)
        assert found["confidence"] == pytest.approx(line.score, abs=1e-3)


def refused(run, status, *words):
    done, answer = run
    assert done.returncode == 1, done.stderr
    assert f"HTTP {status}: " in done.stderr
    for word in words:
        assert word in done.stderr
    assert not answer.exists()


def test_an_image_is_read(script, start, read_alone):
    done, answer = script(start())
    assert done.returncode == 0, done.stderr
    check_zip(answer, read_alone["receipt.jpg"])


@pytest.mark.full
def test_with_keys(script, start, read_alone, tmp_path):
    key = make_key(tmp_path / "keys.json")
    done, answer = script(start(keys_file=tmp_path / "keys.json"), API_KEY=key)
    assert done.returncode == 0, done.stderr
    check_zip(answer, read_alone["receipt.jpg"])


@pytest.mark.full
def test_a_slow_image_is_polled(script, start, read_alone):
    done, answer = script(start(seconds=2.5), POLL_SECONDS="1")
    assert done.returncode == 0, done.stderr
    assert "in-progress" in done.stderr
    check_zip(answer, read_alone["receipt.jpg"])


@pytest.mark.full
def test_401_without_a_valid_key(script, start, tmp_path):
    make_key(tmp_path / "keys.json")
    refused(script(start(keys_file=tmp_path / "keys.json")), 401, "a key is needed")


@pytest.mark.full
def test_404_for_an_unknown_asset(script, start):
    refused(script(start(), ASSET_ID=str(uuid.uuid4())), 404, "no such asset")


@pytest.mark.full
def test_413_for_too_many_bytes(script, start):
    refused(script(start(max_upload_bytes=PICTURE.stat().st_size - 1)), 413, "the limit")


@pytest.mark.full
def test_413_for_too_many_pixels(script, start):
    refused(script(start(max_pixels=1000)), 413, "the limit is 1,000")


@pytest.mark.full
def test_422_for_no_image(script, start):
    refused(script(start(), picture=SAMPLES / "receipt.json"), 422, "cannot be read")


@pytest.mark.full
def test_429_over_the_quota(script, start, tmp_path):
    key = make_key(tmp_path / "keys.json", "--rate", "1")
    url = start(keys_file=tmp_path / "keys.json")
    assert script(url, API_KEY=key)[0].returncode == 0
    refused(script(url, API_KEY=key), 429, "1 images a minute")


@pytest.mark.full
def test_504_without_an_answer_in_time(script, start):
    refused(script(start(seconds=30, deadline_s=0.5)), 504, "0.5 s")


@pytest.mark.full
def test_504_while_polling(script, start):
    refused(script(start(seconds=30, deadline_s=2), POLL_SECONDS="1"), 504, "2 s")


@pytest.mark.full
def test_an_expired_location_is_403(start, served):
    requests = pytest.importorskip("requests")
    url = start(result_lifetime_s=1)
    image = "data:image/jpeg;base64," + base64.b64encode(PICTURE.read_bytes()).decode()
    answer = requests.post(f"{url}/v1/cv/nvidia/ocdrnet", json={"image": image}, allow_redirects=False, timeout=60)
    time.sleep(2.1)
    assert requests.get(answer.headers["location"], timeout=60).status_code == 403
