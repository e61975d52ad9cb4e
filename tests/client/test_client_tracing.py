"""The trace of a request goes on to the server."""

import contextvars
import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from ocdrnet_client.ordered import map_in_threads
from ocdrnet_client.protocol import build_request
from ocdrnet_client.tracing import hand_on_trace, trace_headers
from ocdrnet_client.transports.base import infer_arguments

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def no_trace_before():
    hand_on_trace({})
    yield
    hand_on_trace({})


class Input:
    def __init__(self, *_):
        pass

    def set_data_from_numpy(self, _):
        return self


def test_without_a_trace_there_are_no_headers():
    assert trace_headers() == {}
    assert build_request(b"x", {}).trace == {}


def test_current_span_is_the_parent():
    tracer = TracerProvider().get_tracer("caller")
    with tracer.start_as_current_span("work") as span:
        found = trace_headers()
        request = build_request(b"x", {})
    context = span.get_span_context()
    assert found["traceparent"][:-2] == f"00-{context.trace_id:032x}-{context.span_id:016x}-"
    assert request.trace == found
    assert trace_headers() == {}


def test_callers_trace_is_handed_on_where_there_is_no_span():
    hand_on_trace({"traceparent": PARENT, "tracestate": "a=b", "baggage": "secret=1"})
    assert trace_headers() == {"traceparent": PARENT, "tracestate": "a=b"}
    with TracerProvider().get_tracer("own").start_as_current_span("work"):
        assert trace_headers()["traceparent"] != PARENT


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "x",
        PARENT.upper(),
        PARENT[:-1],
        PARENT + "\n",
        f"{PARENT} ",
        PARENT.replace("00-", "ff-", 1),
        "é" * 55,
        f"00-{'0' * 32}-{'a' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
    ],
)
def test_what_is_no_trace_context_is_left_out(parent):
    hand_on_trace({"traceparent": parent, "tracestate": "a=b"})
    assert trace_headers() == {}


@pytest.mark.parametrize("state", ["a=\n", "é=1", "a" * 513])
def test_state_that_no_header_may_hold_is_left_out(state):
    hand_on_trace({"traceparent": PARENT, "tracestate": state})
    assert trace_headers() == {"traceparent": PARENT}


def test_handed_on_only_within_the_callers_context():
    contextvars.copy_context().run(hand_on_trace, {"traceparent": PARENT})
    assert trace_headers() == {}


def test_threads_of_read_many_belong_to_the_callers_trace():
    hand_on_trace({"traceparent": PARENT})
    assert list(map_in_threads(lambda _: trace_headers(), range(3), 2)) == [{"traceparent": PARENT}] * 3


def test_headers_of_the_connection_stay_as_they_are():
    hand_on_trace({"traceparent": PARENT})
    own = {"authorization": "key"}
    arguments = infer_arguments(Input, build_request(b"x", {}), own)
    assert arguments["headers"] == {"authorization": "key", "traceparent": PARENT}
    assert own == {"authorization": "key"}


def test_a_propagator_that_fails_costs_no_image(monkeypatch):
    def fail(_):
        raise RuntimeError("no")

    monkeypatch.setattr("opentelemetry.propagate.inject", fail)
    hand_on_trace({"traceparent": PARENT})
    with trace.use_span(TracerProvider().get_tracer("own").start_span("work")):
        assert trace_headers() == {"traceparent": PARENT}


def test_whoever_does_not_trace_does_not_import_opentelemetry():
    code = "import sys, ocdrnet_client.tracing as t; t.trace_headers(); print('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
