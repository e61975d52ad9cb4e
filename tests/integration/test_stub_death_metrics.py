"""What the alerts on failures stand on: how a real Triton counts a bad image, a caller who left, and a dead stub."""

import os
import re
import signal
import urllib.request

import psutil
import pytest
from prometheus_server import eventually
from sample_truth import SAMPLES

from ocdrnet_client import Client, InvalidRequestError, RequestTimeoutError, ServerError
from ocdrnet_deploy.server import TritonServer

PATIENCE_S = 60

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def server(served):
    """The common repository on a server of its own, which may be broken."""
    with TritonServer(served.repository) as own:
        own._watch.stop()  # as in a pod, where nobody ends a server whose step has died
        yield own


def counted(server):
    """Successes and failures by reason, by model."""
    with urllib.request.urlopen(server.addresses.metrics_url, timeout=30) as answer:
        text = answer.read().decode()
    found = re.findall(
        r'^nv_inference_request_(success|failure)\{model="(\w+)",(?:reason="(\w+)",)?.*\} (\d+)', text, re.MULTILINE
    )
    return {(model, reason or what): int(value) for what, model, reason, value in found}


def kill_stub(server, step):
    (stub,) = (
        child
        for child in psutil.Process(server.pid).children(recursive=True)
        if f"/{step}/" in " ".join(child.cmdline())
    )
    os.kill(stub.pid, signal.SIGKILL)
    # Triton may leave it as a zombie.
    eventually(lambda: not stub.is_running() or stub.status() == psutil.STATUS_ZOMBIE, PATIENCE_S)


def counted_when(server, *expected):
    """The counts once all of (model, what, at least) hold: Triton counts a step after it has handed its answer on."""
    seen = []

    def hold():
        seen.append(counted(server))
        return all(seen[-1][model, what] >= least for model, what, least in expected)

    eventually(hold, PATIENCE_S)
    return seen[-1]


def step_failures(counts):
    return {key: count for key, count in counts.items() if count and key[0] != "ocdrnet" and key[1] != "success"}


def test_a_bad_image_fails_no_step(server):
    before = counted(server)
    with Client(server.addresses.grpc_url) as client, pytest.raises(InvalidRequestError):
        client.read(b"not an image")
    read = before["image_preprocess", "success"] + 1
    after = counted_when(server, ("image_preprocess", "success", read))
    assert step_failures(after) == {}
    assert after["image_preprocess", "success"] == read
    assert after["ocdrnet", "success"] == before["ocdrnet", "success"]


def test_a_caller_who_left_is_counted_apart(server):
    with Client(server.addresses.grpc_url, timeout=0.05) as client, pytest.raises(RequestTimeoutError):
        client.read(SAMPLES / "receipt.jpg")
    eventually(lambda: counted(server)["ocdrnet", "OTHER"] > 2, PATIENCE_S)
    assert {reason for _, reason in step_failures(counted(server))} <= {"CANCELED"}


def test_a_dead_stub_fails_its_step_and_nothing_else(server):
    start = counted(server)
    with Client(server.addresses.grpc_url) as client:
        client.read(SAMPLES / "storefront.jpg")
        last = ("text_decode", "ocdrnet")
        before = counted_when(server, *((model, "success", start[model, "success"] + 1) for model in last))
        kill_stub(server, "text_crop")
        for _ in range(3):
            with pytest.raises(ServerError):
                client.read(SAMPLES / "storefront.jpg")
    failures = (("text_crop", "BACKEND"), ("ocdrnet", "OTHER"))
    after = counted_when(server, *((model, why, before[model, why] + 3) for model, why in failures))
    grown = {key: after[key] - before[key] for key in after if after[key] > before[key]}
    assert grown.pop(("text_crop", "BACKEND")) == 3
    assert grown.pop(("ocdrnet", "OTHER")) >= 3
    assert set(grown) == {(step, "success") for step in ("image_preprocess", "ocdnet", "dbnet_postprocess")}
