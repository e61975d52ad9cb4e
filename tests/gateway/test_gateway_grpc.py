"""What reaches Triton over gRPC: the request's id, its options, what is left of its time, and its end."""

import json
import socket

import pytest
from gateway_nim import nim_body
from gateway_triton import StalledTriton


@pytest.fixture
def triton():
    stalled = StalledTriton()
    yield stalled
    stalled.stop()


def raw_request(picture):
    data = json.dumps(nim_body(picture, levels=["word"])).encode()
    return b"POST /v1/infer HTTP/1.1\r\nhost: x\r\nx-request-id: id-7\r\ncontent-length: %d\r\n\r\n" % len(data) + data


def test_a_caller_that_leaves_ends_its_call_in_triton(start_gateway, triton, picture, until):
    url = start_gateway(triton=triton.url, reader=None, deadline_s=17).url
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        caller.sendall(raw_request(picture))
        until(lambda: triton.request_ids)
        assert triton.cancelled == 0
    until(lambda: triton.cancelled)
    assert triton.request_ids == ["id-7"]
    assert triton.parameters == [{"merge": "word"}]
    assert 10 < triton.seconds_left[0] <= 17


def test_the_deadline_ends_the_call_and_the_caller_hears_504(start_gateway, triton, picture, http, until):
    url = start_gateway(triton=triton.url, reader=None, deadline_s=0.5).url
    answer = http.post(f"{url}/v1/infer", json=nim_body(picture))
    assert answer.status_code == 504
    assert answer.headers["content-type"] == "application/problem+json"
    assert "127.0.0.1" not in answer.text
    until(lambda: triton.cancelled)


def test_triton_gone_in_the_middle_is_503(start_gateway, triton, picture, until):
    url = start_gateway(triton=triton.url, reader=None).url
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as caller:
        caller.sendall(raw_request(picture))
        until(lambda: triton.request_ids)
        triton.stop()
        assert caller.recv(100).startswith(b"HTTP/1.1 503 ")
