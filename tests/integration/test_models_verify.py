"""`ocdrnet models verify` against a running server: its networks agree with the originals, another does not."""

import json

import pytest
from ocdrnet_command import run_ocdrnet

from ocdrnet_deploy.catalog.catalog import find_network
from ocdrnet_deploy.networks.description_file import description_json
from ocdrnet_deploy.networks.weights import find_weights


def verify(url, *options):
    return run_ocdrnet("models", "verify", url, *options)


@pytest.mark.full
def test_the_networks_that_are_served_agree(served):
    done = verify(served.addresses.grpc_url)
    assert done.returncode == 0, (done.stderr, served.log)
    detector, recognizer = done.stdout.splitlines()
    assert detector.startswith("ppocrv6-small: map off by ")
    assert recognizer.endswith(" confident ids as in FP32")
    assert "NOT" not in done.stdout


@pytest.mark.full
def test_another_network_does_not(served, tmp_path):
    """The default recognizer as if it had been trained on other pixels: what is served does not answer like that."""
    entry = find_network("recognizer", "ppocrv6-small")
    path, card = tmp_path / "other.onnx", tmp_path / "card.json"
    path.symlink_to(find_weights(entry))
    faint = {"planes": "bgr", "mean": [0.0] * 3, "scale": [1e-3] * 3}
    card.write_text(json.dumps(description_json(entry.description) | {"normalization": faint}))
    done = verify(served.addresses.grpc_url, "--recognizer", path, "--recognizer-card", card)
    assert done.returncode == 1, (done.stderr, served.log)
    assert done.stdout.splitlines()[1].endswith(" confident ids as in FP32: NOT as exact as it must be")


@pytest.mark.full
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000 is no address for gRPC; it must be grpc://HOST:PORT"),
        ("grpc://127.0.0.1:1", "grpc://127.0.0.1:1: "),
    ],
)
def test_no_server_there(url, message):
    done = verify(url)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
