"""Metrics for Prometheus, and spans for an OpenTelemetry collector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ocdrnet_gateway.core.admission import Admission
from ocdrnet_gateway.core.memory import MemoryBudget
from ocdrnet_gateway.errors import SettingsError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# From a cached answer to the default deadline.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """One gateway's numbers."""

    def __init__(self, admission: Admission, memory: MemoryBudget) -> None:
        self._registry = registry = CollectorRegistry()
        labels = ["route", "method", "status"]
        self._requests = Counter("ocdrnet_gateway_requests", "Answered requests.", labels, registry=registry)
        self._duration = Histogram(
            "ocdrnet_gateway_request_seconds", "Arrival to answer.", ["route"], buckets=_SECONDS, registry=registry
        )
        self._images = Counter("ocdrnet_gateway_pictures", "Images read.", registry=registry)
        self._waited = Histogram(
            "ocdrnet_gateway_queue_seconds", "Wait for a place before Triton.", buckets=_SECONDS, registry=registry
        )
        self._read = Histogram(
            "ocdrnet_gateway_triton_seconds", "Time with Triton.", buckets=_SECONDS, registry=registry
        )
        in_flight = Gauge("ocdrnet_gateway_in_flight", "Requests that are with Triton.", registry=registry)
        in_flight.set_function(lambda: admission.in_flight)
        waiting = Gauge("ocdrnet_gateway_waiting", "Requests that wait for a place.", registry=registry)
        waiting.set_function(lambda: admission.waiting)
        held = Gauge("ocdrnet_gateway_held_bytes", "Memory held for callers.", registry=registry)
        held.set_function(lambda: memory.held)

    def note_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; `route` is the path's pattern, of which there are few."""
        self._requests.labels(route, method, str(status)).inc()
        self._duration.labels(route).observe(seconds)

    def note_reading(self, pictures: int, waited_s: float, read_s: float) -> None:
        """Count what was read."""
        self._images.inc(pictures)
        self._waited.observe(waited_s)
        self._read.observe(read_s)

    def text(self) -> bytes:
        """All of it, as `CONTENT_TYPE`."""
        return generate_latest(self._registry)


_PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"


class Tracing:
    """One gateway's spans: a request, and in it the reading of its images. They hold no image, text or key."""

    def __init__(self, endpoint: str | None) -> None:
        """Make the exporter; it connects by itself, in a thread of its own.

        Args:
            endpoint: of the collector, OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; None: no spans.

        Raises:
            SettingsError: the packages are not installed.
        """
        self._provider: Any = None if endpoint is None else _provider(endpoint)

    @contextmanager
    def span(self, name: str, headers: Mapping[str, str] | None = None, **attributes: str | int) -> Iterator[None]:
        """A span around the block.

        Args:
            name: of the span.
            headers: of a request whose `traceparent` the span continues; None: the span around it is its parent.
            attributes: of the span.
        """
        if self._provider is None:
            yield
            return
        context = None if headers is None else import_module("opentelemetry.propagate").extract(headers)
        tracer = self._provider.get_tracer("ocdrnet_gateway")
        # An exception's words may hold what was read.
        quiet = {"record_exception": False, "set_status_on_exception": False}
        with tracer.start_as_current_span(name, context=context, attributes=attributes, **quiet):
            yield

    def close(self) -> None:
        """Send what is left, and end."""
        if self._provider is not None:
            self._provider.shutdown()


def _provider(endpoint: str) -> Any:  # noqa: ANN401 - of packages that need not be there
    try:
        trace, export = import_module("opentelemetry.sdk.trace"), import_module("opentelemetry.sdk.trace.export")
        resources = import_module("opentelemetry.sdk.resources")
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError as error:
        raise SettingsError(f"otel_endpoint needs more packages ({error}): pip install {_PACKAGES}") from None
    provider = trace.TracerProvider(resource=resources.Resource.create({"service.name": "ocdrnet-gateway"}))
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter(endpoint=endpoint)))
    return provider
