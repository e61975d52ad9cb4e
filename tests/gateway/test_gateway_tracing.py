"""OpenTelemetry is optional: what is said without its packages, and what is sent with them."""

import contextlib
import sys

import pytest
from gateway_nim import nim_body

from ocdrnet_gateway.core.metrics import Tracing
from ocdrnet_gateway.errors import SettingsError


def test_without_the_packages_the_setting_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match="pip install opentelemetry-sdk"):
        Tracing("http://127.0.0.1:4318/v1/traces")


def test_without_the_setting_nothing_is_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.propagate", None)
    tracing = Tracing(None)
    with tracing.span("read", {"traceparent": "x"}, pictures=1):
        pass
    tracing.close()


class Recorder:
    """In place of the SDK's provider and tracer."""

    def __init__(self):
        self.spans = []

    def get_tracer(self, name):
        return self

    @contextlib.contextmanager
    def start_as_current_span(self, name, context, attributes, **settings):
        assert settings == {"record_exception": False, "set_status_on_exception": False}
        self.spans.append((name, context, attributes))
        yield

    def shutdown(self):
        self.spans.append("end")


def test_a_request_is_a_span_and_its_reading_another(start_gateway, http, picture, monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr("ocdrnet_gateway.core.metrics._provider", lambda endpoint: recorder)
    server = start_gateway(otel_endpoint="http://127.0.0.1:4318/v1/traces")
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"x-request-id": "mine", "traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    assert http.post(f"{server.url}/v1/infer", json=nim_body(picture), headers=headers).status_code == 200
    (outer, context, attributes), inner = recorder.spans
    assert (outer, attributes) == ("HTTP POST", {"request_id": "mine"})
    # The caller's trace goes on.
    from opentelemetry import trace as api

    assert format(api.get_current_span(context).get_span_context().trace_id, "032x") == trace
    assert inner == ("read", None, {"request_id": "mine", "pictures": 1})
    server.stop()
    assert recorder.spans[-1] == "end"
