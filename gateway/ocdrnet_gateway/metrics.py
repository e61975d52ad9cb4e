"""Counters and durations for Prometheus, in a registry of the application's own. No label holds a caller's name."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ocdrnet_gateway.admission import Admission
from ocdrnet_gateway.memory import MemoryBudget

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
        self._pictures = Counter("ocdrnet_gateway_pictures", "Pictures read.", registry=registry)
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
        self._pictures.inc(pictures)
        self._waited.observe(waited_s)
        self._read.observe(read_s)

    def text(self) -> bytes:
        """All of it, as `CONTENT_TYPE`."""
        return generate_latest(self._registry)
