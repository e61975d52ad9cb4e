"""The work of one request: its image is read and drawn on, and a zip made of both."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

from ocdrnet_client import Page
from ocdrnet_client.results import Box
from ocdrnet_gateway.api.hosted.jobs import PASSING, JobState, Wanted
from ocdrnet_gateway.api.hosted.rendering import Renderer, drawing_bytes
from ocdrnet_gateway.api.hosted.schemas import Detection, Polygon, ResponseFile
from ocdrnet_gateway.core.body_limit import WHILE_KEPT
from ocdrnet_gateway.core.memory import Hold, MemoryBudget
from ocdrnet_gateway.core.reading import ImageSize, check_image, read_image
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import DeadlineError
from ocdrnet_gateway.store import Place

_TRY_AGAIN_S = 1.0


class Worker:
    """Does it. It belongs to one event loop."""

    def __init__(self, services: Services, threads: ThreadPoolExecutor) -> None:
        """Nothing runs before the first request.

        Args:
            services: of the application.
            threads: where it draws.
        """
        self._services = services
        self._threads = threads
        self._renderer = Renderer()

    async def answer(self, place: Place, wanted: Wanted, image: bytes, size: ImageSize, end: float) -> bytes:
        """The zip.

        Args:
            place: of the result, whose id names the files in the zip.
            wanted: what was asked.
            image: encoded.
            size: of it.
            end: by the monotonic clock.

        Raises:
            GatewayError: a limit is reached, or the image was not read, or not in time.
        """
        memory = self._services.memory
        reading = await read_image(self._services, wanted.caller, image, {}, deadline_s=end - time.monotonic())
        needed = drawing_bytes(size, reading.page, wanted.with_labels)
        await memory.wait_for_drawing(needed, max(0.0, end - time.monotonic()))

        def draw() -> bytes:
            return response_zip(place.id, reading.page, self._renderer.render(image, reading.page, wanted.with_labels))

        drawing = asyncio.get_running_loop().run_in_executor(self._threads, draw)
        # The memory is in use until the thread has ended, though nobody may wait for it any more.
        drawing.add_done_callback(lambda future: _drawn(future, memory, needed))
        return await asyncio.shield(drawing)

    async def answer_again(self, place: Place, state: JobState, image_place: Place) -> bytes:
        """The zip of a request that was answered 202: this gateway's limits let it wait, and do not refuse it.

        So does a server that is away for a moment.

        Args:
            place: of the result.
            state: of the request.
            image_place: where its image lies.

        Raises:
            GatewayError: as `answer`, or the image is not in the store any more.
        """
        end = time.monotonic() + state.ends - time.time()
        hold = self._services.memory.hold()
        try:
            while True:
                try:
                    return await self._answer_kept(place, state, image_place, hold, end)
                except PASSING:
                    if time.monotonic() + _TRY_AGAIN_S >= end:
                        raise
                    await asyncio.sleep(_TRY_AGAIN_S)
        finally:
            hold.release()

    async def _answer_kept(self, place: Place, state: JobState, image_place: Place, hold: Hold, end: float) -> bytes:
        hold.resize(state.image_bytes * WHILE_KEPT)
        image = await self._services.store.get(image_place)
        if image is None:
            raise DeadlineError(
                "the gateway that worked on this request is gone, and its image is not in the store any more; send it"
                " again"
            )
        size = await asyncio.to_thread(check_image, image, self._services.settings.max_pixels)
        return await self.answer(place, state.wanted, image, size, end)


def _drawn(drawing: asyncio.Future[bytes], memory: MemoryBudget, size: int) -> None:
    memory.end_drawing(size)
    if not drawing.cancelled():
        drawing.exception()  # asked for here, asyncio does not complain where nobody waits


def response_zip(request_id: str, page: Page, picture: bytes) -> bytes:
    """The zip's bytes.

    Args:
        request_id: a UUID; the only thing that names in the zip are made of.
        page: what was read.
        picture: a JPEG.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        answer = response_file(page).model_dump_json()
        archive.writestr(f"{request_id}.response", answer, zipfile.ZIP_DEFLATED)
        # A JPEG does not get smaller.
        archive.writestr(f"{request_id}.jpg", picture, zipfile.ZIP_STORED)
    return buffer.getvalue()


def response_file(page: Page) -> ResponseFile:
    """What was read, in the hosted endpoint's form."""
    lines = [
        Detection(label=line.text, polygon=_polygon(line.box), confidence=min(max(line.score, 0.0), 1.0))
        for line in page.lines
    ]
    return ResponseFile(metadata=lines)


def _polygon(box: Box) -> Polygon:
    corners = [
        (f"{axis}{number}", value)
        for number, point in enumerate(box, 1)
        for axis, value in zip("xy", point, strict=True)
    ]
    return Polygon(**dict(corners))
