"""The server object with a real Triton behind it."""

import json
import urllib.request

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from conftest import write_repository

from ocdrnet_deploy.errors import RepositoryNotBuiltError, TritonDiedError
from ocdrnet_deploy.server import TritonServer
from ocdrnet_deploy.server.shared_memory import SHARED_MEMORY

pytestmark = pytest.mark.triton


@pytest.fixture(scope="module")
def server(tmp_path_factory, cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCDRNET_CACHE", str(cache))
        with TritonServer(write_repository(tmp_path_factory.mktemp("echo"))) as server:
            yield server


def infer(module, url, **options):
    tensor = module.InferInput("IN", [3], "UINT8")
    tensor.set_data_from_numpy(np.array([7, 8, 9], np.uint8))
    answer = module.InferenceServerClient(url.partition("://")[2]).infer("ocdrnet", [tensor], **options)
    return answer.as_numpy("OUT").tolist(), json.loads(answer.as_numpy("PARAMETERS").item())


def test_http_answers_with_the_bytes_of_the_image(server):
    assert infer(tritonclient.http, server.addresses.http_url) == ([7, 8, 9], {})


def test_http_headers_become_parameters_spelled_as_sent(server):
    headers = {
        "ocdrnet-box-threshold": "0.3",
        "OCDRNet-Max-Side": "960",
        "X-OCDRNet-Other": "1",
        "Accept": "*/*",
    }
    _, parameters = infer(tritonclient.http, server.addresses.http_url, headers=headers)
    assert parameters == {"ocdrnet-box-threshold": "0.3", "OCDRNet-Max-Side": "960"}


def test_grpc_headers_and_parameters_arrive_together(server):
    _, parameters = infer(
        tritonclient.grpc,
        server.addresses.grpc_url,
        headers={"ocdrnet-box-threshold": "0.3", "x-ocdrnet-other": "1"},
        parameters={"max_side": 960, "words": True},
    )
    assert parameters == {"ocdrnet-box-threshold": "0.3", "max_side": 960, "words": True}


def test_metrics_are_served(server):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(server.addresses.metrics_url) as response:
        assert b"nv_inference_request_success" in response.read()


def test_two_servers_live_side_by_side(server, repository, is_running, monkeypatch):
    # A proxy for the outside must not be asked for the local server.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with TritonServer(repository, exit_timeout_s=1) as second:
        assert second.addresses.http_url != server.addresses.http_url
        assert infer(tritonclient.http, second.addresses.http_url)[0] == [7, 8, 9]
        pid = second.pid
    assert not is_running(pid)
    assert not list(SHARED_MEMORY.glob(f"{second._prefix}*"))
    assert infer(tritonclient.http, server.addresses.http_url)[0] == [7, 8, 9]


def test_a_failed_start_leaves_nothing(make_repository, is_running):
    server = TritonServer(make_repository("import os; os._exit(3)"), on_log=lambda line: None)
    with pytest.raises(TritonDiedError), server:
        pass
    assert not is_running(server.pid)
    assert not list(SHARED_MEMORY.glob(f"{server._prefix}*"))


def test_stopping_before_the_start_does_nothing(repository):
    TritonServer(repository).stop()


def test_a_folder_without_the_ensemble_is_refused(tmp_path):
    with pytest.raises(RepositoryNotBuiltError, match=r"config\.pbtxt does not exist"):
        TritonServer(tmp_path)
