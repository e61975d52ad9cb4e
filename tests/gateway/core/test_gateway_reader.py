"""Which answer each failure of Triton becomes, and what is passed on to it."""

import asyncio

import pytest

from ocdrnet_client import (
    ClientClosedError,
    InvalidRequestError,
    ModelNotFoundError,
    Page,
    RequestTimeoutError,
    ServerError,
    ServerUnavailableError,
    UnexpectedResponseError,
)
from ocdrnet_gateway.core.reader import TritonReader
from ocdrnet_gateway.http_errors import DeadlineError, GatewayError

PAGE = Page(4, 3)


class FakeClient:
    def __init__(self, outcome):
        self.outcome = outcome
        self.calls = []

    async def read(self, image, **arguments):
        self.calls.append((image, arguments))
        return self._give()

    async def is_ready(self):
        return self._give()

    def _give(self):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def reader_of(outcome):
    reader = TritonReader("grpc://127.0.0.1:9")
    reader._client = FakeClient(outcome)
    return reader


def read(reader, deadline_s=5.0):
    return asyncio.run(reader.read(b"picture", {"merge": "word"}, request_id="id-1", deadline_s=deadline_s))


def test_everything_is_passed_on():
    reader = reader_of(PAGE)
    assert read(reader) is PAGE
    assert reader._client.calls == [(b"picture", {"request_id": "id-1", "timeout": 5.0, "merge": "word"})]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidRequestError, 422),
        (ModelNotFoundError, 503),
        (ServerUnavailableError, 503),
        (ClientClosedError, 503),
        (RequestTimeoutError, 504),
        (ServerError, 502),
        (UnexpectedResponseError, 502),
    ],
)
def test_an_error_becomes_an_answer_without_addresses(error, status):
    with pytest.raises(GatewayError) as raised:
        read(reader_of(error("the server at grpc://10.0.0.7:8001 failed")))
    assert raised.value.status_code == status
    # A refusal's own words are about the image; the others name machines.
    assert ("10.0.0.7" in raised.value.detail) == (status == 422)
    assert ("retry-after" in raised.value.headers) == (status == 503)


@pytest.mark.parametrize("deadline_s", [0, -1.0])
def test_no_time_left_sends_nothing(deadline_s):
    reader = reader_of(PAGE)
    with pytest.raises(DeadlineError):
        read(reader, deadline_s)
    assert reader._client.calls == []


@pytest.mark.parametrize(("outcome", "ready"), [(True, True), (False, False), (ServerError("no"), False)])
def test_readiness_is_the_servers(outcome, ready):
    assert asyncio.run(reader_of(outcome).is_ready()) is ready


def test_nobody_there_is_not_ready_and_unavailable():
    async def both():
        reader = TritonReader("grpc://127.0.0.1:9")
        ready = await reader.is_ready()
        with pytest.raises(GatewayError, match="away or still loading") as raised:
            await reader.read(b"picture", {}, request_id="x", deadline_s=5)
        await reader.close()
        return ready, raised.value.status_code

    assert asyncio.run(both()) == (False, 503)
