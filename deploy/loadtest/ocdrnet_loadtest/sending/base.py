"""What a load generator needs from a protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ocdrnet_client.address import Address
from ocdrnet_client.protocol import MODEL
from ocdrnet_loadtest.sent_images import SentImage
from ocdrnet_ops.options import OptionValue

# Beside gRPC's status names and HTTP's numbers.
TIMED_OUT = "TIMEOUT"
NO_CONNECTION = "CONNECTION"
NOT_OCR = "ANSWER"


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        status: of the protocol, or one of the names above.
        boxes: lines of text found; None where this is no answer.
    """

    status: str
    boxes: int | None = None


@dataclass(frozen=True)
class SendSettings:
    """How to send.

    Attributes:
        address: of the server.
        model: the ensemble's name.
        options: of every request, checked.
        headers: of every request, for instance `authorization`.
        timeout_s: after which an answer is not waited for.
    """

    address: Address
    model: str = MODEL
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 60.0


class Sender(Protocol):
    """Sends images; failures are replies, never exceptions."""

    async def send(self, image: SentImage) -> Reply:
        """Send one image, wait for its answer, and look into it."""

    async def close(self) -> None:
        """Release the connection."""
