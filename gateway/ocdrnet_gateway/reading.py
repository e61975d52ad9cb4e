"""The one way from a request's bytes to pages; every interface takes it, so that every limit holds for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ocdrnet_client import Page
from ocdrnet_gateway.caller import Caller
from ocdrnet_gateway.picture_check import check_picture
from ocdrnet_gateway.request_id import current_request_id
from ocdrnet_gateway.services import Services


@dataclass(frozen=True)
class Reading:
    """What was read, and how long it took.

    Attributes:
        pages: one for each picture, in order.
        waited_s: seconds in the queue.
        read_s: seconds with Triton.
    """

    pages: tuple[Page, ...]
    waited_s: float
    read_s: float

    @property
    def page(self) -> Page:
        """The page of the only picture."""
        (page,) = self.pages
        return page


async def read_pictures(
    services: Services,
    caller: Caller,
    images: Sequence[bytes],
    options: Sequence[Mapping[str, object]],
    *,
    request_id: str | None = None,
    deadline_s: float | None = None,
) -> Reading:
    """Read the pictures of one request, one after the other, from one place in the queue.

    Args:
        services: of the application.
        caller: whose limits count.
        images: encoded pictures, one or more.
        options: of each picture, as `docs/options.md` names them; what is left out has the server's default.
        request_id: for Triton's log; the current request's own by default.
        deadline_s: seconds for all of it, the setting by default.

    Raises:
        GatewayError: a picture or option is at fault, a limit is reached, or the server did not answer in time.
    """
    end = time.monotonic() + (deadline_s or services.settings.deadline_s)
    services.admission.check()
    for image in images:
        await asyncio.to_thread(check_picture, image, services.settings.max_pixels)
    async with (
        services.quotas.use(caller, len(images)),
        services.admission.place(end - time.monotonic()) as waited_s,
    ):
        name = request_id or current_request_id()
        begin = time.monotonic()
        with services.tracing.span("read", request_id=name, pictures=len(images)):
            pages = [
                await services.reader.read(image, chosen, request_id=name, deadline_s=end - time.monotonic())
                for image, chosen in zip(images, options, strict=True)
            ]
    read_s = time.monotonic() - begin
    services.metrics.note_reading(len(images), waited_s, read_s)
    return Reading(tuple(pages), waited_s, read_s)


async def read_picture(
    services: Services,
    caller: Caller,
    image: bytes,
    options: Mapping[str, object],
    *,
    request_id: str | None = None,
    deadline_s: float | None = None,
) -> Reading:
    """`read_pictures` for one picture."""
    return await read_pictures(services, caller, [image], [options], request_id=request_id, deadline_s=deadline_s)
