"""Settings that the blocking and the asynchronous gRPC transport share."""

from __future__ import annotations

from ocdrnet_client.address import Address

_UNLIMITED = -1


def channel_arguments(address: Address) -> list[tuple[str, int]]:
    """Options of a gRPC channel, as named in grpc's `grpc_types.h`."""
    arguments = [
        ("grpc.max_send_message_length", _UNLIMITED),
        ("grpc.max_receive_message_length", _UNLIMITED),
        # By default a channel that failed once waits 1 to 120 s before it dials again and fails every call
        # meanwhile, so that retries would be spent without ever reaching a server that has come back.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    # gRPC obeys http_proxy even for this machine's own address, where no proxy can help.
    return [*arguments, ("grpc.enable_http_proxy", 0)] if address.is_loopback else arguments
