"""Spans for an OpenTelemetry collector, where one is named; its packages are asked for only then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ocdrnet_gateway.errors import SettingsError

_PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"


class Tracing:
    """One gateway's spans: a request, and in it the reading of its pictures. They hold no picture, text or key."""

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
