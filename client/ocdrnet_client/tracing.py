"""The trace that a request belongs to, handed on to Triton as W3C Trace Context (https://www.w3.org/TR/trace-context/).

A program that traces with OpenTelemetry has a current span; Triton's spans then are its children. A server that does
not trace itself can hand on what its own caller sent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module

# Version, trace id, parent id, flags; a later version may have more behind (section 3.2).
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{1,64})?")
_STATE = re.compile(r"[ -~]{1,512}")  # section 3.3.1.5: what must be passed on at least
_handed_on: ContextVar[Mapping[str, str] | None] = ContextVar("handed_on", default=None)


def hand_on_trace(headers: Mapping[str, str]) -> None:
    """Let all requests of this task, or thread, from now on belong to the trace of a caller.

    Args:
        headers: of the caller's request, by names in small letters; what is no valid trace context is left out.
    """
    _handed_on.set(_valid(headers))


def trace_headers() -> dict[str, str]:
    """`traceparent` and `tracestate` of the current span, or of `hand_on_trace`; nothing where there is no trace."""
    # Whoever has not imported OpenTelemetry has no span, and need not wait for the import.
    if "opentelemetry.trace" in sys.modules:
        carrier: dict[str, str] = {}
        try:
            import_module("opentelemetry.propagate").inject(carrier)
        except Exception:
            carrier = {}
        if found := _valid(carrier):
            return found
    return dict(_handed_on.get() or {})


def _valid(headers: Mapping[str, str]) -> dict[str, str]:
    parent, state = headers.get("traceparent", ""), headers.get("tracestate", "")
    if not _PARENT.fullmatch(parent):
        return {}
    return {"traceparent": parent} | ({"tracestate": state} if _STATE.fullmatch(state) else {})
