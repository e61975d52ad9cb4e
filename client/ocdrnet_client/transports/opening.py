"""Picks the transport for an address, and imports only that one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from ocdrnet_client.address import Address
from ocdrnet_client.replicas import has_replicas
from ocdrnet_client.transports.base import AsyncTransport, Transport


def open_transport(address: Address, headers: Mapping[str, str], model: str) -> Transport:
    """A blocking transport; `headers` go along with every request, `model` is what a server has ready."""
    if address.is_http:
        return cast(Transport, _load("http:HttpTransport")(address, headers, model))
    single = _load("grpc:GrpcTransport")
    if not has_replicas(address):
        return cast(Transport, single(address, headers))
    return cast(Transport, _load("replicated_sync:ReplicatedTransport")(address, model, lambda at: single(at, headers)))


def open_async_transport(address: Address, headers: Mapping[str, str], model: str) -> AsyncTransport:
    """A transport for the running event loop; see `open_transport`."""
    single = _load("http:AsyncHttpTransport" if address.is_http else "grpc:AsyncGrpcTransport")
    if not has_replicas(address):
        return cast(AsyncTransport, single(address, headers))
    replicated = _load("replicated_aio:ReplicatedAsyncTransport")
    return cast(AsyncTransport, replicated(address, model, lambda at: single(at, headers)))


def _load(name: str) -> Any:  # noqa: ANN401 (a class that is imported when it is needed)
    module, attribute = name.split(":")
    return getattr(import_module(f"ocdrnet_client.transports.{module}"), attribute)
