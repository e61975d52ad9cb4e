"""A gateway under load while its Triton is killed and comes back: 503 meanwhile, no hang, no wrong answer, recovery."""

import base64
import os
import signal
import threading
import time
from dataclasses import dataclass

import httpx
import pytest
from sample_truth import SAMPLES

from ocdrnet_deploy.server import TritonServer
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

CALLERS = 4
IMAGES = ("storefront.jpg", "receipt.jpg")
# An answer under load takes a second or two here; a hang would last until the deadline of 60 s.
HANG_S = 30


def body(name):
    data = base64.b64encode((SAMPLES / name).read_bytes()).decode()
    url = f"data:image/{'png' if name.endswith('png') else 'jpeg'};base64,{data}"
    return {"input": [{"type": "image_url", "url": url}], "merge_levels": ["sentence"]}


def texts(answer):
    return [item["text_prediction"]["text"] for item in answer.json()["data"][0]["text_detections"]]


@dataclass(frozen=True)
class Seen:
    name: str
    status: int
    began: float
    seconds: float
    texts: tuple


class Load:
    """Callers in closed loops, on threads, until told to stop."""

    def __init__(self, url):
        self.seen = []
        self._url = url
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self, number):
        with httpx.Client(trust_env=False, timeout=90) as client:
            while not self._over.is_set():
                name = IMAGES[number % len(IMAGES)]
                began = time.monotonic()
                answer = client.post(f"{self._url}/v1/infer", json=body(name))
                found = tuple(texts(answer)) if answer.status_code == 200 else ()
                self.seen.append(Seen(name, answer.status_code, began, time.monotonic() - began, found))
                if answer.status_code != 200:
                    time.sleep(0.1)

    def wait_for(self, status, count, since):
        end = time.monotonic() + 60
        while sum(seen.status == status and seen.began > since for seen in self.seen) < count:
            assert time.monotonic() < end, [(seen.status, round(seen.seconds, 1)) for seen in self.seen]
            time.sleep(0.05)


@pytest.fixture
def gateway(served, tmp_path):
    """A Triton of its own at fixed ports, and a gateway before it."""
    triton = TritonServer(served.repository, on_log=lambda _: None)
    chosen = {"port": 0, "triton": triton.addresses.grpc_url, "store": str(tmp_path / "store")}
    with triton, GatewayServer(load_settings(chosen)) as server:
        yield triton, server.url


def again(triton, repository):
    at = triton.addresses
    ports = {"http_port": at.http_port, "grpc_port": at.grpc_port, "metrics_port": at.metrics_port}
    return TritonServer(repository, on_log=lambda _: None, **ports)


def is_ready(url):
    begin = time.monotonic()
    answer = httpx.get(f"{url}/v1/health/ready", trust_env=False)
    assert time.monotonic() - begin < 5
    return answer.status_code == 200


@pytest.mark.full
def test_triton_killed_and_restarted_under_load(gateway, served):
    triton, url = gateway
    assert is_ready(url)
    expected = {name: tuple(texts(httpx.post(f"{url}/v1/infer", json=body(name), timeout=60))) for name in IMAGES}
    assert all(expected.values())
    with Load(url) as load:
        load.wait_for(200, 2 * CALLERS, since=0)
        killed = time.monotonic()
        os.killpg(triton.pid, signal.SIGKILL)
        load.wait_for(503, 2 * CALLERS, since=killed)
        assert not is_ready(url)
        with again(triton, served.repository):
            ready = time.monotonic()
            load.wait_for(200, 2 * CALLERS, since=ready)
            assert is_ready(url)
            recovered = min(
                seen.began + seen.seconds for seen in load.seen if seen.status == 200 and seen.began > ready
            )
            load.stop()
    # Nothing but answers and 503: no other error, nobody left waiting.
    assert {seen.status for seen in load.seen} == {200, 503}
    assert max(seen.seconds for seen in load.seen) < HANG_S
    assert [seen for seen in load.seen if seen.status == 200 and seen.texts != expected[seen.name]] == []
    # Who asks a server that is away hears so within a moment.
    away = [seen.seconds for seen in load.seen if seen.status == 503 and seen.began > killed + 1]
    assert max(away) < 5
    print(f"first answer {recovered - ready:.1f} s after Triton was ready again")
    assert recovered - ready < 10
