"""Picks the protocol."""

from __future__ import annotations

from ocdrnet_client.address import Address
from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.sending.base import Sender, SendSettings

GRPC = "grpc"
HTTP = "http"
NIM = "nim"
APIS = (GRPC, HTTP, NIM)


def api_of(address: Address, wanted: str | None) -> str:
    """The protocol to speak.

    Args:
        address: of the server.
        wanted: one of `APIS`; None for Triton's own at the url's scheme.

    Raises:
        SettingError: the url's scheme is another protocol's.
    """
    api = wanted or (HTTP if address.is_http else GRPC)
    if address.is_http == (api == GRPC):
        schemes = "grpc:// or grpcs://" if api == GRPC else "http:// or https://"
        raise SettingError(f"url {address}: for {api} it must begin with {schemes}")
    return api


def open_sender(api: str, settings: SendSettings) -> Sender:
    """A sender for the running event loop."""
    # Imported here, for gRPC and aiohttp take half a second each.
    if api == GRPC:
        from ocdrnet_loadtest.sending.grpc_sender import GrpcSender  # noqa: PLC0415

        return GrpcSender(settings)
    from ocdrnet_loadtest.sending.http_sender import HttpSender, NimSender  # noqa: PLC0415

    return NimSender(settings) if api == NIM else HttpSender(settings)
