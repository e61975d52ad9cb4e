"""A caller's trace goes through the gateway into Triton's steps: one trace, seen by a stand-in for a collector."""

import base64
import gzip
import json
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sample_truth import SAMPLES

from ocdrnet_client import Client
from ocdrnet_client.tracing import hand_on_trace
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

pytestmark = pytest.mark.full  # a Triton of its own
STEPS = ["image_preprocess", "ocdnet", "dbnet_postprocess", "text_crop", "ocrnet", "text_turn", "ocrnet", "text_decode"]
WAIT_S = 90


class Collector:
    """Takes spans by OTLP over HTTP: JSON, as Triton sends them, or protobuf, as the gateway does."""

    def __init__(self):
        self.spans, self._news = [], threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
                collector.take(body, self.headers["content-type"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body, kind):
        is_json = kind.startswith("application/json")
        told = json.loads(body) if is_json else MessageToDict(ExportTraceServiceRequest.FromString(body))
        with self._news:
            for resource in told["resourceSpans"]:
                (service,) = (
                    each["value"]["stringValue"]
                    for each in resource["resource"]["attributes"]
                    if each["key"] == "service.name"
                )
                for scope in resource["scopeSpans"]:
                    self.spans += [span_of(each, service, is_json) for each in scope["spans"]]
            self._news.notify_all()

    def of(self, trace_id, complete):
        """Spans of a trace, once they are complete."""
        with self._news:
            found = []

            def done():
                found[:] = [span for span in self.spans if span["trace"] == trace_id]
                return complete(found)

            assert self._news.wait_for(done, WAIT_S), found
            return found

    def close(self):
        self._server.shutdown()


def span_of(told, service, is_json):
    def number(key):  # JSON has hexadecimal ids; protobuf's JSON has bytes as base64
        value = told.get(key, "")
        return value if is_json else base64.b64decode(value).hex()

    return {
        "service": service,
        "name": told["name"],
        "trace": number("traceId"),
        "id": number("spanId"),
        "parent": number("parentSpanId"),
        "start": int(told["startTimeUnixNano"]),
        "end": int(told["endTimeUnixNano"]),
    }


@pytest.fixture(scope="module")
def collector():
    made = Collector()
    yield made
    made.close()


@pytest.fixture(scope="module")
def traced(served, collector, serve_folder):
    """The common repository, served by a Triton that traces."""
    with serve_folder(served.repository, otel_endpoint=collector.url, otel_rate=1_000_000) as server:
        yield server


@contextmanager
def gateway(triton, otel_endpoint, folder):
    """A gateway, whose spans go to the collector if one is named."""
    settings = {"triton": triton, "port": 0, "store": str(folder), "otel_endpoint": otel_endpoint}
    with GatewayServer(load_settings(settings)) as server:
        yield server.url


def parent_of(number):
    return f"00-{number:032x}-{number:016x}-01"


def ended(service_and_name):
    return lambda spans: service_and_name in [(span["service"], span["name"]) for span in spans]


def test_callers_span_gateways_span_and_tritons_steps_are_one_trace(traced, collector, tmp_path):
    image, number = (SAMPLES / "storefront.jpg").read_bytes(), 0xA1
    with gateway(traced.addresses.grpc_url, collector.url, tmp_path) as url:
        headers = {"traceparent": parent_of(number), "content-type": "image/jpeg"}
        with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/read?timing=steps", image, headers)) as answer:
            timing = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
            assert len(json.load(answer)["lines"]) > 10
    assert list(timing)[:3] == ["receive", "wait", "read"]
    assert set(STEPS) < set(timing)
    assert all(float(milliseconds) >= 0 for milliseconds in timing.values())
    trace_id = f"{number:032x}"
    # Triton hands its own out in batches, each span after its end.
    spans = collector.of(
        trace_id,
        lambda spans: all(
            ended(one)(spans) for one in [("ocdrnet-triton", "InferRequest"), ("ocdrnet-gateway", "HTTP POST")]
        ),
    )
    by_id = {span["id"]: span for span in spans}

    def path(span):
        above = by_id.get(span["parent"])
        return [*(path(above) if above else []), span["name"]]

    steps = sorted((span for span in spans if span["name"] in STEPS), key=lambda span: span["start"])
    assert sorted(span["name"] for span in steps) == sorted(STEPS)
    for span in steps:
        assert path(span) == ["HTTP POST", "read", "InferRequest", "ocdrnet", span["name"]]
    (first,) = (span for span in spans if span["name"] == "HTTP POST")
    assert first["parent"] == f"{number:016x}", "the caller's span"


def test_gateway_that_does_not_trace_hands_on_its_callers_trace(traced, collector, tmp_path):
    image, number = (SAMPLES / "storefront.jpg").read_bytes(), 0xB2
    with gateway(traced.addresses.http_url, None, tmp_path) as url:
        headers = {"traceparent": parent_of(number), "content-type": "image/jpeg"}
        urllib.request.urlopen(urllib.request.Request(f"{url}/v1/read", image, headers)).close()
    spans = collector.of(f"{number:032x}", ended(("ocdrnet-triton", "InferRequest")))
    (request,) = (span for span in spans if span["name"] == "InferRequest")
    assert request["parent"] == f"{number:016x}"


@pytest.mark.parametrize(("scheme", "number"), [("grpc_url", 0xC3), ("http_url", 0xD4)])
def test_client_hands_the_trace_on(traced, collector, scheme, number):
    hand_on_trace({"traceparent": parent_of(number)})
    try:
        with Client(getattr(traced.addresses, scheme)) as client:
            client.read(SAMPLES / "storefront.jpg")
    finally:
        hand_on_trace({})
    spans = collector.of(f"{number:032x}", ended(("ocdrnet-triton", "InferRequest")))
    assert {span["name"] for span in spans} >= set(STEPS)


@pytest.mark.parametrize(
    ("module", "scheme", "number"), [(tritonclient.grpc, "grpc_url", 0xE5), (tritonclient.http, "http_url", 0xF6)]
)
def test_pixels_are_traced_like_files(traced, collector, module, scheme, number):
    """docling's callers set `headers` or `grpc_metadata`."""
    client = module.InferenceServerClient(getattr(traced.addresses, scheme).partition("://")[2])
    image = module.InferInput("image", [1, 64, 64, 3], "UINT8")
    image.set_data_from_numpy(np.full((1, 64, 64, 3), 255, np.uint8))
    client.infer("ocr", [image], headers={"traceparent": parent_of(number)})
    client.close()
    spans = collector.of(f"{number:032x}", ended(("ocdrnet-triton", "InferRequest")))
    assert {span["name"] for span in spans} >= {*STEPS, "ocr"}
