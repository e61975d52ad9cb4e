"""Ready means that an image was read just now, or would be."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from gateway_reader import StandInReader

from ocdrnet_gateway.core import readiness
from ocdrnet_gateway.core.readiness import REQUEST_ID, Readiness, small_image
from ocdrnet_gateway.core.reading import check_image
from ocdrnet_gateway.http_errors import (
    DeadlineError,
    OverloadedError,
    ReaderFailedError,
    UnavailableError,
    UnprocessableError,
)
from ocdrnet_ops.image.decode import ImageLimits, decode_image


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    # Of that module alone: others, such as the watch of a server that runs meanwhile, go by the real one.
    monkeypatch.setattr("ocdrnet_gateway.core.readiness.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def fails(reader, error):
    async def respond(call):
        raise error

    reader.respond = respond


def test_a_dead_step_is_not_ready_though_triton_says_so(gateway, http, reader, picture):
    assert http.get(f"{gateway}/v1/health/ready").status_code == 200
    fails(reader, ReaderFailedError("the step's process is dead"))
    assert http.post(f"{gateway}/v1/read", content=picture).status_code == 502
    answer = http.get(f"{gateway}/v1/health/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert http.get(f"{gateway}/v1/health/live").status_code == 200
    del reader.respond
    assert http.get(f"{gateway}/v1/health/ready").status_code == 200


def test_it_is_found_without_a_caller_too(gateway, http, reader, monkeypatch):
    monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
    assert http.get(f"{gateway}/v1/health/ready").status_code == 200
    fails(reader, ReaderFailedError("dead"))
    assert http.get(f"{gateway}/v1/health/ready").status_code == 503


def test_a_callers_success_saves_the_trial(clock):
    async def run():
        reader = StandInReader()
        ready = Readiness(reader)
        ready.note(None)
        assert await ready.is_ready()
        assert reader.calls == []
        clock[0] += 2.5
        assert await ready.is_ready()
        assert [call.request_id for call in reader.calls] == [REQUEST_ID]
        assert await ready.is_ready()
        assert len(reader.calls) == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "trials"),
    [
        (ReaderFailedError("x"), 1),
        (UnavailableError("x"), 1),
        (UnprocessableError("x"), 0),
        (OverloadedError("x"), 0),
        (DeadlineError("x"), 0),
    ],
)
def test_only_the_servers_own_faults_are_followed_by_a_trial(clock, error, trials):
    async def run():
        reader = StandInReader()
        ready = Readiness(reader)
        ready.note(None)
        ready.note(error)
        assert await ready.is_ready()
        assert len(reader.calls) == trials

    asyncio.run(run())


def test_one_ill_server_of_several_is_tried_once_more(clock):
    async def run():
        reader = StandInReader()

        async def respond(call):
            if len(reader.calls) == 1:
                raise ReaderFailedError("this one is ill")
            return reader.page

        reader.respond = respond
        assert await Readiness(reader).is_ready()
        assert len(reader.calls) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    "error", [ReaderFailedError("x"), UnprocessableError("x"), RuntimeError("x"), DeadlineError("x")]
)
def test_a_trial_that_fails_for_any_reason_is_not_ready(clock, error):
    async def run():
        reader = StandInReader()
        fails(reader, error)
        ready = Readiness(reader)
        assert not await ready.is_ready()
        assert not await ready.is_ready()
        del reader.respond
        assert await ready.is_ready()

    asyncio.run(run())


def test_a_stalled_step_is_answered_within_a_second_and_not_ready():
    async def run():
        reader = StandInReader()
        reader.seconds = 30
        ready = Readiness(reader)
        begin = time.monotonic()
        assert not await ready.is_ready()
        assert time.monotonic() - begin < 5
        # Those who ask meanwhile share the one trial.
        assert not any(await asyncio.gather(ready.is_ready(), ready.is_ready()))
        assert len(reader.calls) == 1
        await ready.close()
        assert reader.cancelled == 1

    asyncio.run(run())


def test_a_busy_server_stays_ready_for_a_while_and_not_for_ever(monkeypatch):
    async def run():
        monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
        monkeypatch.setattr(readiness, "_ANSWER_S", 0.05)
        reader = StandInReader()
        reader.seconds = 30
        ready = Readiness(reader)
        ready.note(None)
        assert await ready.is_ready()
        ready._read_at -= 61
        assert not await ready.is_ready()
        await ready.close()

    asyncio.run(run())


def test_a_trial_that_never_ends_is_a_failure(monkeypatch):
    async def run():
        monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
        monkeypatch.setattr(readiness, "_TRIAL_S", 0.02)
        reader = StandInReader()
        reader.seconds = 30
        ready = Readiness(reader)
        ready.note(None)
        assert not await ready.is_ready()

    asyncio.run(run())


def test_triton_away_is_not_ready_without_a_trial():
    reader = StandInReader()
    reader.ready = False
    assert not asyncio.run(Readiness(reader).is_ready())
    assert reader.calls == []


def test_the_trials_image_is_one_that_the_server_decodes():
    picture = small_image()
    assert check_image(picture, 10_000).pixels == 96 * 32
    assert decode_image(picture, ImageLimits()).pixels.min() < 100
