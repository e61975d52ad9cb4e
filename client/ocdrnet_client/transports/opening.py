"""Picks the transport for an address, and imports only that one."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from ocdrnet_client.address import Address
from ocdrnet_client.transports.base import AsyncTransport, Transport


def open_transport(address: Address, headers: Mapping[str, str]) -> Transport:
    """A blocking transport; `headers` go along with every request."""
    name = "http_sync:HttpTransport" if address.is_http else "grpc_sync:GrpcTransport"
    return cast(Transport, _load(name)(address, headers))


def open_async_transport(address: Address, headers: Mapping[str, str]) -> AsyncTransport:
    """A transport for the running event loop; `headers` go along with every request."""
    name = "http_aio:AsyncHttpTransport" if address.is_http else "grpc_aio:AsyncGrpcTransport"
    return cast(AsyncTransport, _load(name)(address, headers))


def _load(name: str) -> type:
    module, attribute = name.split(":")
    return cast(type, getattr(import_module(f"ocdrnet_client.transports.{module}"), attribute))
