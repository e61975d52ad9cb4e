"""HTTP on an event loop: to Triton with the picture as the body, or to the gateway as the OCR NIM's clients do."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

from ocdrnet_loadtest.pictures import Picture
from ocdrnet_loadtest.sending.base import NO_CONNECTION, NOT_OCR, TIMED_OUT, Reply, SendSettings

_JSON_LENGTH = "Inference-Header-Content-Length"  # of Triton's binary extension; 0 means that all is the picture


class HttpSender:
    """See `ocdrnet_loadtest.sending.base.Sender`; made inside the loop that uses it."""

    def __init__(self, settings: SendSettings) -> None:
        self._settings = settings
        self._url = triton_url(settings)
        self._headers = triton_headers(settings)
        self._session = http_session(settings)

    async def send(self, picture: Picture) -> Reply:
        """One POST of the bare picture."""
        return await _posted(self._session, self._url, picture.content, self._headers, count_triton_boxes)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


class NimSender:
    """`POST /v1/infer`, pictures as data URLs; options of Triton's requests have no place in it."""

    def __init__(self, settings: SendSettings) -> None:
        self._url = f"{settings.address}/v1/infer"
        self._headers = {"content-type": "application/json", **settings.headers}
        self._session = http_session(settings)
        self._bodies: dict[Picture, bytes] = {}

    async def send(self, picture: Picture) -> Reply:
        """One POST of JSON."""
        return await _posted(self._session, self._url, self._body(picture), self._headers, _count_nim_texts)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    def _body(self, picture: Picture) -> bytes:
        if picture not in self._bodies:
            url = f"data:image/jpeg;base64,{base64.b64encode(picture.content).decode()}"
            self._bodies[picture] = json.dumps({"input": [{"type": "image_url", "url": url}]}).encode()
        return self._bodies[picture]


def triton_url(settings: SendSettings) -> str:
    """Where Triton takes pictures."""
    return f"{settings.address}/v2/models/{settings.model}/infer"


def triton_headers(settings: SendSettings) -> dict[str, str]:
    """Headers of a bare picture; options go as `ocdrnet-NAME`, with dashes."""
    options = {f"ocdrnet-{name.replace('_', '-')}": str(value) for name, value in settings.options.items()}
    return {"content-type": "application/octet-stream", _JSON_LENGTH: "0", **options, **settings.headers}


def count_triton_boxes(headers: Mapping[str, str], body: bytes) -> int | None:
    """Lines of text in an answer of Triton; None where it is not the `ocdrnet` model's."""
    length = headers.get(_JSON_LENGTH)
    answer = json.loads(body[: int(length)] if length else body)
    return next((int(output["shape"][0]) for output in answer["outputs"] if output["name"] == "BOXES"), None)


def http_session(settings: SendSettings) -> aiohttp.ClientSession:
    """As many connections as there are requests under way, so that none waits here."""
    timeout = aiohttp.ClientTimeout(total=settings.timeout_s)
    # A proxy of the environment cannot reach this machine's own address.
    is_remote = not settings.address.is_loopback
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout, trust_env=is_remote)


async def _posted(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    count: Callable[[Mapping[str, str], bytes], int | None],
) -> Reply:
    try:
        async with session.post(url, data=body, headers=headers) as response:
            answer = await response.read()
    except (asyncio.TimeoutError, TimeoutError):
        return Reply(TIMED_OUT)
    except (aiohttp.ClientError, OSError):
        return Reply(NO_CONNECTION)
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
    return sum(len(picture["text_detections"]) for picture in answer["data"])
