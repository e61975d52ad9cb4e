"""When a call is tried again, how long it waits, and that its timeout includes all of it."""

import itertools
import threading
import time

import pytest
from client_answers import EMPTY
from client_model import Refused

from ocdrnet_client import (
    ClientClosedError,
    ConfigurationError,
    InvalidRequestError,
    ModelNotFoundError,
    RequestTimeoutError,
    Retry,
    ServerError,
    ServerUnavailableError,
    Timeout,
)
from ocdrnet_client.config import Attempts, as_timeout

QUICK = Retry(attempts=4, initial=0.02, maximum=0.1, jitter=0)


def test_an_unavailable_server_is_asked_again(connect, model, server):
    model.fail_first(3, server.status("unavailable"))
    assert connect(retry=QUICK).read(b"picture") == EMPTY
    assert [request.image for request in model.requests] == 4 * [b"picture"]
    waits = [later.at - earlier.at for earlier, later in itertools.pairwise(model.requests)]
    assert all(wait >= least for wait, least in zip(waits, (0.02, 0.04, 0.08), strict=True)), waits


def test_after_the_last_attempt_the_error_stands(connect, model, server):
    model.fail_first(9, server.status("unavailable"), "queue is full")
    with pytest.raises(ServerUnavailableError, match="queue is full"):
        connect(retry=QUICK).read(b"picture")
    assert len(model.requests) == 4


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("invalid", InvalidRequestError),
        ("missing", ModelNotFoundError),
        ("internal", ServerError),
        ("late", RequestTimeoutError),
        ("forbidden", ServerError),
    ],
)
def test_nothing_else_is_tried_again(connect, model, server, cause, kind):
    model.fail_first(9, server.status(cause))
    with pytest.raises(kind):
        connect(retry=QUICK).read(b"picture")
    assert len(model.requests) == 1


def test_one_attempt_means_no_retries(connect, model, server):
    model.fail_first(1, server.status("unavailable"))
    with pytest.raises(ServerUnavailableError):
        connect(retry=Retry(attempts=1)).read(b"picture")
    assert len(model.requests) == 1


def test_readiness_is_asked_once(connect, model, server):
    client = connect(f"{server.protocol}://127.0.0.1:9", retry=Retry(attempts=9, initial=5))
    started = time.monotonic()
    assert not client.is_ready()
    assert time.monotonic() - started < 5


def test_a_server_that_comes_up_late_is_found(connect, server, serve_at, unused_port):
    retry = Retry(attempts=60, initial=0.05, maximum=0.05, jitter=0)
    client = connect(f"{server.protocol}://127.0.0.1:{unused_port}", retry=retry, timeout=10)
    start = threading.Timer(0.15, serve_at, (server.protocol, unused_port))
    start.start()
    assert client.read(b"picture") == EMPTY
    start.join()


def test_a_stalled_request_ends_at_the_timeout(connect, model):
    model.respond = model.stall
    started = time.monotonic()
    with pytest.raises(RequestTimeoutError, match="raise the timeout"):
        connect(timeout=0.2).read(b"picture")
    assert 0.19 <= time.monotonic() - started < 10
    assert len(model.requests) == 1


def test_a_stalled_question_ends_at_its_own_timeout(connect, model):
    model.is_ready = model.stall
    started = time.monotonic()
    assert not connect(timeout=Timeout(request=60, ready=0.2)).is_ready()
    assert 0.19 <= time.monotonic() - started < 10


def test_the_timeout_includes_the_retries(connect, model, server):
    model.fail_first(99, server.status("unavailable"))
    started = time.monotonic()
    with pytest.raises(ServerUnavailableError):
        connect(timeout=1, retry=Retry(attempts=99, initial=0.6, maximum=0.6, jitter=0)).read(b"picture")
    assert time.monotonic() - started < 1
    assert len(model.requests) == 2


def test_a_retry_has_only_what_is_left_of_the_timeout(connect, model, server):
    def respond(request):
        if len(model.requests) == 1:
            raise Refused(server.status("unavailable"))
        return model.stall()

    model.respond = respond
    started = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        connect(timeout=1, retry=Retry(initial=0.7, maximum=0.7, jitter=0)).read(b"picture")
    assert 0.99 <= time.monotonic() - started < 1.7
    assert len(model.requests) == 2


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
def test_no_timeout_sends_no_deadline(connect, model):
    connect(timeout=Timeout(request=None, ready=None)).read(b"picture")
    assert len(model.requests) == 1


def test_an_infinite_timeout_is_none():
    assert as_timeout(float("inf")) == Timeout(request=None)


def test_a_number_limits_the_request_only():
    assert as_timeout(7) == Timeout(request=7, ready=5.0)
    assert as_timeout(Timeout(1, 2)) == Timeout(1, 2)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
@pytest.mark.parametrize("name", ["request", "ready"])
def test_a_timeout_of_nothing_is_refused(name, seconds):
    with pytest.raises(ConfigurationError, match=f"the {name} timeout is {seconds}; it must be above 0"):
        Timeout(**{name: seconds})


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"attempts": 0}, "attempts are 0"),
        ({"initial": -0.1}, "waits go from -0.1"),
        ({"initial": 2, "maximum": 1}, "waits go from 2 to 1"),
        ({"jitter": 1.1}, "jitter is 1.1"),
        ({"jitter": -0.1}, "jitter is -0.1"),
    ],
)
def test_a_retry_that_makes_no_sense_is_refused(settings, text):
    with pytest.raises(ConfigurationError, match=text):
        Retry(**settings)


def test_the_edges_of_a_retry_are_allowed():
    assert Retry(1, 0, 0, 0).wait(1, 0.5) == 0
    assert Retry(jitter=1, initial=1).wait(1, 1) == 0


def test_waits_double_up_to_the_maximum():
    retry = Retry(initial=0.2, maximum=1.5, jitter=0)
    assert [retry.wait(failures, 0.7) for failures in (1, 2, 3, 4, 5000)] == [0.2, 0.4, 0.8, 1.5, 1.5]


def test_jitter_only_shortens_a_wait():
    retry = Retry(initial=1, maximum=8, jitter=0.5)
    assert [retry.wait(2, chance) for chance in (0, 0.5, 1)] == [2, 1.5, 1]


def test_a_passed_deadline_sends_nothing():
    attempts = Attempts(Retry(), 0.01)
    assert 0 < attempts.remaining() <= 0.01
    time.sleep(0.02)
    with pytest.raises(RequestTimeoutError, match="before the request could be sent"):
        attempts.remaining()
    assert Attempts(Retry(), None).remaining() is None


def test_closing_ends_the_wait_for_a_retry(connect, model, server):
    model.fail_first(99, server.status("unavailable"))
    client = connect(retry=Retry(initial=5, maximum=5, jitter=0))
    started = time.monotonic()
    with pytest.raises(ClientClosedError):
        client.read_and_close(b"picture", lambda: bool(model.requests))
    assert time.monotonic() - started < 5
    assert len(model.requests) == 1
