"""A stop answers what was accepted: by a real Triton, with an ensemble whose first step takes its time."""

import json
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import tritonclient.grpc
from conftest import write_repository

from ocdrnet_client.errors import ServerUnavailableError
from ocdrnet_client.transports.errors import from_triton
from ocdrnet_deploy.server import TritonServer, triton
from ocdrnet_deploy.server.readiness import ask
from ocdrnet_deploy.server.triton import drain

STEP = """
name: "{name}"
backend: "python"
max_batch_size: 0
input [{{ name: "IN" data_type: TYPE_UINT8 dims: [-1] }}]
output [
  {{ name: "OUT" data_type: TYPE_UINT8 dims: [-1] }},
  {{ name: "PARAMETERS" data_type: TYPE_STRING dims: [1] }}
]
"""
ENSEMBLE = """
name: "ocdrnet"
platform: "ensemble"
max_batch_size: 0
input [{ name: "IN" data_type: TYPE_UINT8 dims: [-1] }]
output [{ name: "OUT" data_type: TYPE_UINT8 dims: [-1] }]
ensemble_scheduling { step [
  { model_name: "slow" model_version: -1 input_map { key: "IN" value: "IN" } output_map { key: "OUT" value: "HALF" } },
  { model_name: "last" model_version: -1 input_map { key: "IN" value: "HALF" } output_map { key: "OUT" value: "OUT" } }
] }
"""
STEP_S = 0.4


@pytest.fixture
def ensemble(tmp_path):
    write_repository(tmp_path, f"import time; self.answer = lambda r, a=self.answer: (time.sleep({STEP_S}), a(r))[1]")
    (tmp_path / "ocdrnet").rename(tmp_path / "slow")
    write_repository(tmp_path)
    (tmp_path / "ocdrnet").rename(tmp_path / "last")
    for name in ("slow", "last"):
        (tmp_path / name / "config.pbtxt").write_text(STEP.format(name=name))
    for name in ("ocdrnet", "ocr"):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "config.pbtxt").write_text(ENSEMBLE.replace("ocdrnet", name))
    return tmp_path


def start_requests(url, count, model="ocdrnet"):
    """Sends requests at once; returns what becomes of them, and a function that waits for all."""
    client = tritonclient.grpc.InferenceServerClient(url.partition("://")[2])
    tensor = tritonclient.grpc.InferInput("IN", [3], "UINT8")
    tensor.set_data_from_numpy(np.array([7, 8, 9], np.uint8))
    fates, all_done = [], threading.Event()

    def note(result, error):
        fates.append(str(error) if error else result.as_numpy("OUT").tolist())
        if len(fates) == count:
            all_done.set()

    for _ in range(count):
        client.async_infer(model, [tensor], note)
    return fates, all_done


@pytest.mark.full
@pytest.mark.triton
@pytest.mark.parametrize("model", ["ocdrnet", "ocr"])
def test_a_stop_answers_what_was_accepted_over_grpc(ensemble, wait_until, model):
    with TritonServer(ensemble, exit_timeout_s=20) as server:
        fates, all_done = start_requests(server.addresses.grpc_url, 6, model)
        wait_until(lambda: len(fates) == 1)  # one at a time is in the first step: five are still to come
    assert all_done.wait(5)
    assert fates == [[7, 8, 9]] * 6


@pytest.mark.full
@pytest.mark.triton
def test_a_stop_waits_no_longer_than_it_may(ensemble, wait_until):
    with TritonServer(ensemble, exit_timeout_s=1) as server:
        fates, all_done = start_requests(server.addresses.grpc_url, 40)
        wait_until(lambda: len(fates) == 1)
        begin = time.monotonic()
    # 40 requests want 16 s; the limit, Triton's own second, and the margin before it is killed.
    assert time.monotonic() - begin < 8
    assert all_done.wait(5)
    assert len([fate for fate in fates if fate != [7, 8, 9]]) > 20


@pytest.mark.full
@pytest.mark.triton
def test_a_late_request_is_told_to_come_back(ensemble):
    with TritonServer(ensemble) as server:
        assert drain(server.addresses.http_url, server._repository_key, 5)
        client = tritonclient.grpc.InferenceServerClient(server.addresses.grpc_url.partition("://")[2])
        tensor = tritonclient.grpc.InferInput("IN", [3], "UINT8")
        tensor.set_data_from_numpy(np.array([7, 8, 9], np.uint8))
        with pytest.raises(tritonclient.grpc.InferenceServerException) as refused:
            client.infer("ocdrnet", [tensor])
    assert isinstance(from_triton(refused.value, "here"), ServerUnavailableError)


@pytest.mark.full
@pytest.mark.triton
def test_nobody_else_may_unload_a_model(repository):
    with TritonServer(repository) as server:
        url = f"{server.addresses.http_url}/v2/repository/models/ocdrnet/unload"
        for headers in ({}, {"repository-key": "guess"}):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(urllib.request.Request(url, b"{}", headers))
        client = tritonclient.grpc.InferenceServerClient(server.addresses.grpc_url.partition("://")[2])
        with pytest.raises(tritonclient.grpc.InferenceServerException, match="restricted"):
            client.unload_model("ocdrnet")
        assert client.is_model_ready("ocdrnet")


@pytest.mark.parametrize("answer", [OSError("refused"), b"no JSON"])
def test_a_triton_that_cannot_be_asked_is_not_waited_for(monkeypatch, answer):
    def stand_in(*_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(triton, "ask", stand_in)
    begin = time.monotonic()
    assert not drain("http://127.0.0.1:1", "key", 20)
    assert time.monotonic() - begin < 2


def test_waiting_ends_when_no_request_keeps_an_ensemble(monkeypatch):
    others = {"name": "slow", "state": "READY"}
    files, pixels = (iter(states) for states in (("READY", *["UNAVAILABLE"] * 3), ("READY", *["UNLOADING"] * 2, "")))
    asked = []

    def stand_in(url, *_):
        asked.append(url)
        if url.endswith("/index"):
            index = [others, {"name": "ocdrnet", "state": next(files)}, {"name": "ocr", "state": next(pixels)}]
            return json.dumps([one for one in index if one["state"]]).encode()
        return b""

    monkeypatch.setattr(triton, "ask", stand_in)
    assert drain("http://there", "key", 20)
    index, models = "http://there/v2/repository/index", "http://there/v2/repository/models"
    assert asked == [index, f"{models}/ocdrnet/unload", f"{models}/ocr/unload", *[index] * 3]


@pytest.mark.triton
def test_only_an_answer_without_fault_is_one(repository):
    with TritonServer(repository) as server, pytest.raises(OSError, match=r"40[04]"):
        ask(f"{server.addresses.http_url}/v2/models/other/ready", 5)
