"""What a caller could try: each is refused, and nothing leaks."""

import io
import json
import logging
import socket
import struct
import time
import zlib

import pytest
from click.testing import CliRunner
from gateway_nim import nim_body
from PIL import Image

from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.core.logs import JsonLines, configure_logs
from ocdrnet_gateway.http_errors import ReaderFailedError


def key_for(path, name, *options):
    return CliRunner().invoke(keys, ["create", name, "--file", str(path), *options]).stdout.strip()


def address(url):
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def exchange(url, *parts, pause=0.0):
    """Send the parts of a raw request; the answer, until the gateway closes."""
    with socket.create_connection(address(url), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def huge_png(width, height):
    """A PNG whose header claims a size; its data would decompress to gigabytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [10_001, 20_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(gateway, http, reader, side):
    answer = http.post(f"{gateway}/v1/infer", json=nim_body(huge_png(side, side)))
    assert answer.status_code == 413
    assert "limit" in answer.json()["detail"]
    assert reader.calls == []


def test_the_pixel_limit_is_a_setting_and_exact(start_gateway, http, reader):
    url = start_gateway(max_pixels=64 * 48).url
    for size, status in (((64, 48), 200), ((64, 49), 413)):
        buffer = io.BytesIO()
        Image.new("L", size).save(buffer, format="PNG")
        answer = http.post(f"{url}/v1/infer", json=nim_body(buffer.getvalue()))
        assert answer.status_code == status
    assert answer.json()["detail"] == "the image claims 64 x 49 = 3,136 pixels; the limit is 3,072"


@pytest.mark.parametrize("content", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"<svg/>", b"\x00" * 100, b"GIF89a"])
def test_what_is_no_image_is_refused_before_the_server(gateway, http, reader, content):
    answer = http.post(f"{gateway}/v1/infer", json=nim_body(content))
    assert answer.status_code == 422
    assert reader.calls == []


def test_an_oversized_body_is_refused_by_its_length_at_once(start_gateway):
    url = start_gateway(max_upload_bytes=2000).url
    head = b"POST /v1/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2001\r\n\r\n"
    answer = exchange(url, head, b"x" * 2001)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 2,000 bytes" in answer


def test_an_oversized_body_without_a_length_is_counted(start_gateway, reader):
    url = start_gateway(max_upload_bytes=2000).url
    head = b"POST /v1/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    answer = exchange(url, head, *(3 * [b"3e8\r\n" + b"x" * 1000 + b"\r\n"]), b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_of_the_limit_is_taken(start_gateway, http):
    url = start_gateway(max_upload_bytes=2000).url
    assert http.post(f"{url}/v1/infer", content=b" " * 2000).status_code == 422
    assert http.post(f"{url}/v1/infer", content=b" " * 2001).status_code == 413


def test_the_answer_to_an_oversized_body_arrives_while_it_is_still_sent(start_gateway):
    # A caller that only reads after it has sent everything must not find its connection reset.
    url = start_gateway(max_upload_bytes=200_000).url
    head = b"POST /v1/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 390000\r\n\r\n"
    answer = exchange(url, head, *(39 * [b"x" * 10_000]), pause=0.005)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_slow_upload_is_ended(start_gateway):
    url = start_gateway(upload_timeout_s=0.5).url
    begin = time.monotonic()
    head = b"POST /v1/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000\r\n\r\n"
    answer = exchange(url, head, *(5 * [b"x"]), pause=0.1)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"within 0.5 s" in answer
    assert time.monotonic() - begin < 10


def test_a_drip_that_never_stalls_is_ended_too(start_gateway):
    url = start_gateway(upload_timeout_s=0.5).url
    with socket.create_connection(address(url), timeout=20) as connection:
        connection.sendall(b"POST /v1/infer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100000\r\n\r\n")
        begin, answer = time.monotonic(), b""
        connection.settimeout(0.05)
        while not answer and time.monotonic() - begin < 10:
            connection.sendall(b"x")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "url", ["http://{}", "https://{}", "//{}", "http://[::1]:{port}", "ftp://{}", "file:///dev/null"]
)
def test_no_url_is_ever_fetched(gateway, http, url, reader):
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        host, port = trap.getsockname()
        target = url.format(f"{host}:{port}/a.png", port=port)
        answer = http.post(f"{gateway}/v1/infer", json={"input": [{"type": "image_url", "url": target}]})
        trap.settimeout(0.2)
        with pytest.raises(TimeoutError):
            trap.accept()
    assert answer.status_code == 422
    assert reader.calls == []


def test_anothers_quota_is_not_used(start_gateway, http, picture, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = key_for(path, "ann", "--rate", "1"), key_for(path, "bob", "--rate", "1")
    url = f"{start_gateway(keys_file=path).url}/v1/infer"
    for key, status in ((ann, 200), (ann, 429), (bob, 200), (bob, 429)):
        answer = http.post(url, json=nim_body(picture), headers={"authorization": f"Bearer {key}"})
        assert answer.status_code == status
    assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_a_second_key_of_one_name_has_no_quota_of_its_own(start_gateway, http, picture, tmp_path):
    path = tmp_path / "keys.json"
    both = [key_for(path, "ann", "--rate", "1") for _ in range(2)]
    url = f"{start_gateway(keys_file=path).url}/v1/infer"
    answers = [http.post(url, json=nim_body(picture), headers={"authorization": f"Bearer {key}"}) for key in both]
    assert [answer.status_code for answer in answers] == [200, 429]


@pytest.fixture
def log(monkeypatch):
    """What the gateway logs, at its most talkative."""
    stream = io.StringIO()
    configure_logs("debug")
    for name in ("ocdrnet_gateway", "uvicorn"):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonLines())
        monkeypatch.setattr(logging.getLogger(name), "handlers", [handler])
    return stream


def test_no_key_picture_or_text_is_logged(start_gateway, http, picture, tmp_path, log, reader, until):
    path = tmp_path / "keys.json"
    key = key_for(path, "ann")
    url = start_gateway(keys_file=path).url
    headers = {"authorization": f"Bearer {key}"}
    body = nim_body(picture)

    async def fault(call):
        raise RuntimeError("the text was Grüße 你好")

    statuses = [http.post(f"{url}/v1/infer", json=body, headers=headers).status_code]
    statuses.append(http.post(f"{url}/v1/infer?token={key}", json={"input": key}, headers=headers).status_code)
    statuses.append(http.get(f"{url}/v1/{key}", headers=headers).status_code)
    reader.respond = fault
    statuses.append(http.post(f"{url}/v1/infer", json=body, headers=headers).status_code)
    assert statuses == [200, 422, 404, 500]
    # A line is written once its answer is on its way.
    until(lambda: log.getvalue().count('"answered"') == len(statuses))
    written = log.getvalue()
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["status"] for line in lines if line["message"] == "answered"] == statuses
    for secret in (key, key.split("_", 2)[2], "Gr\\u00fc", "Grüße", "iVBORw0KGgo", "token="):
        assert secret not in written
    (trouble,) = [line for line in lines if line["message"] == "fault"]
    assert trouble["error"] == "RuntimeError"
    assert any("test_gateway_security.py" in place for place in trouble["at"])


def test_a_fault_reaches_the_caller_without_its_details(gateway, http, picture, reader):
    async def fault(call):
        raise RuntimeError("inside")

    reader.respond = fault
    answer = http.post(f"{gateway}/v1/infer", json=nim_body(picture), headers={"x-request-id": "mine-1"})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["requestId"] == answer.headers["x-request-id"] == "mine-1"
    assert "inside" not in answer.text
    assert "Traceback" not in answer.text


def test_the_request_id_goes_everywhere(gateway, http, picture, reader, log, until):
    http.post(f"{gateway}/v1/infer", json=nim_body(picture), headers={"x-request-id": "my.id_7"})
    assert [call.request_id for call in reader.calls] == ["my.id_7"]
    until(lambda: "answered" in log.getvalue())
    ids = [json.loads(line)["request_id"] for line in log.getvalue().splitlines() if "answered" in line]
    assert ids == ["my.id_7"]


@pytest.mark.parametrize("offered", ["", "a b", "x" * 129, 'a","level":"error', "a\tb", "é".encode()])
def test_a_request_id_that_could_forge_something_is_replaced(gateway, http, offered):
    given = http.get(f"{gateway}/v1/models", headers={"x-request-id": offered}).headers["x-request-id"]
    assert len(given) == 36
    assert given.count("-") == 4


def test_an_answer_of_the_reader_says_only_what_it_was_told_to(gateway, http, picture, reader):
    async def refuse(call):
        raise ReaderFailedError("the server failed on this request")

    reader.respond = refuse
    answer = http.post(f"{gateway}/v1/infer", json=nim_body(picture))
    assert answer.status_code == 502
    assert answer.json()["detail"] == "the server failed on this request"


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1//infer", "/v1/infer/", "/docs"]
)
def test_odd_paths_lead_nowhere(gateway, path):
    head = f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    answer = exchange(gateway, head.encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"application/problem+json" in answer


def test_every_answer_forbids_guessing_its_type(gateway, http):
    for path in ("/v1/models", "/nowhere"):
        assert http.get(gateway + path).headers["x-content-type-options"] == "nosniff"


def test_open_uploads_are_bounded(start_gateway, http, until):
    url = start_gateway(max_uploads=2, max_upload_bytes=2000).url
    head = b"POST /v1/infer HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n"

    def third_is_refused():
        """Tried anew where the third came first, and one of the two is refused for good."""
        with socket.create_connection(address(url)) as first, socket.create_connection(address(url)) as second:
            for connection in (first, second):
                connection.sendall(head + b"x")
            refused = http.post(f"{url}/v1/infer", content=b"x").status_code == 429
            return refused and http.get(f"{url}/v1/models").status_code == 200

    until(third_is_refused)
    until(lambda: http.post(f"{url}/v1/infer", content=b"x").status_code == 422)
