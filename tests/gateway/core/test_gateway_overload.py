"""More load than there are places: the accepted are answered, the rest hear 429 at once, and then it is over."""

import asyncio
import dataclasses
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import pytest
from gateway_nim import nim_body
from gateway_reader import PAGE

PLACES, SEATS = 4, 4


@pytest.fixture
def gate(reader):
    """Holds every image until it is opened; each answer says which image it is of."""
    opened = threading.Event()

    async def respond(call):
        while not opened.is_set():
            await asyncio.sleep(0.01)
        mark = call.image.rpartition(b"#")[2].decode(errors="replace")
        return dataclasses.replace(PAGE, lines=(dataclasses.replace(PAGE.lines[0], text=mark),))

    reader.respond = respond
    yield opened
    opened.set()


@pytest.fixture
def post(picture):
    """Sends images, each with a mark of its own, at the same time."""
    with ThreadPoolExecutor(64) as pool, httpx.Client(trust_env=False, timeout=60) as client:

        def send(url, marks):
            bodies = [nim_body(picture + f"#{mark}".encode()) for mark in marks]
            return [pool.submit(client.post, f"{url}/v1/infer", json=body) for body in bodies]

        yield send


def text_of(answer):
    (detection,) = answer.json()["data"][0]["text_detections"]
    return detection["text_prediction"]["text"]


def gauge(http, url, name):
    (line,) = [line for line in http.get(f"{url}/v1/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[1])


def test_at_four_times_the_load_the_accepted_are_answered_and_the_rest_refused_at_once(
    start_gateway, post, gate, reader, until, http
):
    url = start_gateway(max_in_flight=PLACES, max_waiting=SEATS).url
    sent = post(url, range(4 * (PLACES + SEATS)))
    # The refused hear so while nobody has been answered: they wait for no one.
    until(lambda: sum(future.done() for future in sent) == 3 * (PLACES + SEATS))
    refused = [future.result() for future in sent if future.done()]
    assert {answer.status_code for answer in refused} == {429}
    assert {answer.headers["content-type"] for answer in refused} == {"application/problem+json"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert (reader.running, gauge(http, url, "ocdrnet_gateway_waiting")) == (PLACES, SEATS)
    gate.set()
    wait(sent)
    answered = {mark: future.result() for mark, future in enumerate(sent) if future.result() not in refused}
    assert [answer.status_code for answer in answered.values()] == (PLACES + SEATS) * [200]
    assert all(text_of(answer) == str(mark) for mark, answer in answered.items())
    assert reader.most_running == PLACES
    # As soon as it is over, it is over.
    after = [future.result().status_code for future in post(url, range(PLACES + SEATS))]
    assert after == (PLACES + SEATS) * [200]


def test_nobody_gets_anothers_text(start_gateway, post, gate):
    gate.set()
    url = start_gateway(max_in_flight=3).url
    assert [text_of(future.result()) for future in post(url, range(48))] == [str(mark) for mark in range(48)]


def test_a_full_queue_refuses_before_the_body_is_read(start_gateway, post, gate, reader, until, http):
    url = start_gateway(max_in_flight=1, max_waiting=0).url
    (first,) = post(url, ["first"])
    until(lambda: reader.running)
    assert http.post(f"{url}/v1/infer", content=b"this is not even JSON").status_code == 429
    gate.set()
    assert text_of(first.result()) == "first"


def address(url):
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


def raw_request(body):
    data = json.dumps(body).encode()
    return b"POST /v1/infer HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(data) + data


def test_a_caller_that_leaves_cancels_its_work(gateway, picture, reader, gate, until):
    with socket.create_connection(address(gateway), timeout=10) as caller:
        caller.sendall(raw_request(nim_body(picture)))
        until(lambda: reader.running)
    until(lambda: reader.cancelled)
    assert (reader.cancelled, reader.finished) == (1, 0)


def test_a_caller_that_leaves_the_queue_gives_its_seat_back(start_gateway, picture, reader, gate, until, http):
    url = start_gateway(max_in_flight=1, max_waiting=1).url
    with socket.create_connection(address(url), timeout=10) as first:
        first.sendall(raw_request(nim_body(picture)))
        until(lambda: reader.running)
        with socket.create_connection(address(url), timeout=10) as second:
            second.sendall(raw_request(nim_body(picture)))
            until(lambda: gauge(http, url, "ocdrnet_gateway_waiting") == 1)
        until(lambda: gauge(http, url, "ocdrnet_gateway_waiting") == 0)
        assert len(reader.calls) == 1
    until(lambda: reader.cancelled)


def test_the_deadline_is_passed_on_less_the_wait(start_gateway, post, gate, reader, until, http):
    url = start_gateway(max_in_flight=1, deadline_s=20).url
    sent = post(url, ["first"])
    until(lambda: reader.running)
    sent += post(url, ["second"])
    until(lambda: gauge(http, url, "ocdrnet_gateway_waiting") == 1)
    time.sleep(0.3)
    gate.set()
    assert [future.result().status_code for future in sent] == [200, 200]
    first, second = (call.deadline_s for call in reader.calls)
    assert second <= 20 - 0.3
    assert second < first <= 20


def test_a_wait_beyond_the_deadline_is_504(start_gateway, post, gate, reader, until):
    url = start_gateway(max_in_flight=1, deadline_s=0.3).url
    (first,) = post(url, ["first"])
    until(lambda: reader.running)
    (second,) = post(url, ["second"])
    assert second.result().status_code == 504
    gate.set()
    assert first.result().status_code == 200
    assert len(reader.calls) == 1
