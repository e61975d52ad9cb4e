"""HTTP on an event loop: to Triton with the image as the body, or to the gateway as the OCR NIM's clients do."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from ocdrnet_client.address import Address
from ocdrnet_client.errors import OcdrnetError, RequestTimeoutError, ServerUnavailableError
from ocdrnet_client.replicas import SILENCE_S
from ocdrnet_client.transports.http import pinned_connector
from ocdrnet_client.transports.replicated_aio import AsyncReplicas
from ocdrnet_loadtest.sending.base import NO_CONNECTION, NOT_OCR, TIMED_OUT, Reply, SendSettings
from ocdrnet_loadtest.sent_images import SentImage

_JSON_LENGTH = "Inference-Header-Content-Length"  # of Triton's binary extension; 0 means that all is the image


class HttpConnection:
    """Connections to one server; made inside the loop that uses them."""

    def __init__(self, address: Address, settings: SendSettings, ready_path: str) -> None:
        self.url = address.url
        self._ready_path = ready_path
        self._headers = settings.headers
        # As many connections as there are requests under way, so that none waits here.
        connector = pinned_connector(address, 0) if address.ip else aiohttp.TCPConnector(limit=0)
        # A proxy of the environment cannot reach this machine's own address; and it chooses the server itself.
        trust_env = not (address.ip or address.is_loopback)
        timeout = aiohttp.ClientTimeout(total=settings.timeout_s, sock_connect=SILENCE_S if address.ip else None)
        self.session = aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=trust_env)

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request now."""
        try:
            limit = aiohttp.ClientTimeout(total=timeout)
            async with self.session.get(self.url + self._ready_path, headers=self._headers, timeout=limit) as answer:
                # The last two keep their health from this caller, but they answer.
                return answer.status in (200, 401, 403)
        except (aiohttp.ClientError, asyncio.TimeoutError, TimeoutError, OSError) as error:
            raise ServerUnavailableError(str(error)) from None

    async def close(self) -> None:
        """Close the connections."""
        await self.session.close()


class HttpSender:
    """See `ocdrnet_loadtest.sending.base.Sender`; made inside the loop that uses it."""

    def __init__(self, settings: SendSettings) -> None:
        self._settings = settings
        self._headers = triton_headers(settings)
        self._servers = http_servers(settings, f"/v2/models/{settings.model}/ready")

    async def send(self, image: SentImage) -> Reply:
        """One POST of the bare image."""
        return await _posted(
            self._servers,
            self._settings,
            triton_path(self._settings),
            image.content,
            self._headers,
            count_triton_boxes,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._servers.close()


class NimSender:
    """`POST /v1/infer`, images as data URLs; options of Triton's requests have no place in it."""

    def __init__(self, settings: SendSettings) -> None:
        self._settings = settings
        self._headers = {"content-type": "application/json", **settings.headers}
        self._servers = http_servers(settings, "/v1/health/ready")
        self._bodies: dict[SentImage, bytes] = {}

    async def send(self, image: SentImage) -> Reply:
        """One POST of JSON."""
        body = self._body(image)
        return await _posted(self._servers, self._settings, "/v1/infer", body, self._headers, _count_nim_texts)

    async def close(self) -> None:
        """Close the connections."""
        await self._servers.close()

    def _body(self, image: SentImage) -> bytes:
        if image not in self._bodies:
            url = f"data:image/jpeg;base64,{base64.b64encode(image.content).decode()}"
            self._bodies[image] = json.dumps({"input": [{"type": "image_url", "url": url}]}).encode()
        return self._bodies[image]


def triton_path(settings: SendSettings) -> str:
    """Where Triton takes images, of its url."""
    return f"/v2/models/{settings.model}/infer"


def triton_headers(settings: SendSettings) -> dict[str, str]:
    """Headers of a bare image; options go as `ocdrnet-NAME`, with dashes."""
    options = {f"ocdrnet-{name.replace('_', '-')}": str(value) for name, value in settings.options.items()}
    return {"content-type": "application/octet-stream", _JSON_LENGTH: "0", **options, **settings.headers}


def count_triton_boxes(headers: Mapping[str, str], body: bytes) -> int | None:
    """Lines of text in an answer of Triton; None where it is not the `ocdrnet` model's."""
    length = headers.get(_JSON_LENGTH)
    answer = json.loads(body[: int(length)] if length else body)
    return next((int(output["shape"][0]) for output in answer["outputs"] if output["name"] == "BOXES"), None)


def http_servers(settings: SendSettings, ready_path: str) -> AsyncReplicas[HttpConnection]:
    """Connections to all servers, each asked at `ready_path` whether it is ready."""
    return AsyncReplicas(
        settings.address, settings.model, lambda address: HttpConnection(address, settings, ready_path)
    )


async def _posted(
    servers: AsyncReplicas[HttpConnection],
    settings: SendSettings,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
    count: Callable[[Mapping[str, str], bytes], int | None],
) -> Reply:
    try:
        server = await servers.take(settings.timeout_s)
    except OcdrnetError as error:
        return Reply(TIMED_OUT if isinstance(error, RequestTimeoutError) else NO_CONNECTION)
    is_away = False
    try:
        async with server.connection.session.post(server.connection.url + path, data=body, headers=headers) as response:
            answer = await response.read()
    except aiohttp.ConnectionTimeoutError:
        is_away = True
        return Reply(NO_CONNECTION)
    except (asyncio.TimeoutError, TimeoutError):
        return Reply(TIMED_OUT)
    except (aiohttp.ClientError, OSError):
        is_away = True
        return Reply(NO_CONNECTION)
    finally:
        servers.give_back(server, failed=is_away)
    if response.status != 200:
        return Reply(str(response.status))
    boxes = counted(count, response.headers, answer)
    return Reply(NOT_OCR if boxes is None else "200", boxes)


def counted(
    count: Callable[[Mapping[str, str], bytes], int | None], headers: Mapping[str, str], body: bytes
) -> int | None:
    """What `count` says; None where the body is something it cannot read."""
    try:
        return count(headers, body)
    except (ValueError, LookupError, TypeError):
        return None


def _count_nim_texts(_headers: Mapping[str, str], body: bytes) -> int:
    answer: Any = json.loads(body)
    return sum(len(image["text_detections"]) for image in answer["data"])
