"""The one way from a request's bytes to pages; every interface takes it, so that every limit holds for all."""

from __future__ import annotations

import asyncio
import io
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ocdrnet_client import Page
from ocdrnet_gateway.core.body_kinds import other_than_image
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.quotas import Charge
from ocdrnet_gateway.core.request_timing import current_timing
from ocdrnet_gateway.core.services import Services
from ocdrnet_gateway.http_errors import GatewayError, TooLargeError, UnprocessableError, current_request_id
from ocdrnet_ops.errors import ImageError, ImageTooLargeError
from ocdrnet_ops.image.decode import ImageLimits, image_file

# A quarter more than its own estimate is enough: `test_hosted_rendering.py` measures what a file takes.
_ALLOWANCE = 4
# Errors of Pillow's beside Python's usual ones.
_OF_PILLOW = (struct.error, Image.DecompressionBombError)


@dataclass(frozen=True)
class ImageSize:
    """An image's size by its header.

    Attributes:
        width: pixels, before it is turned upright.
        height: likewise.
        decoding_bytes: that decoding it takes at the worst moment.
    """

    width: int
    height: int
    decoding_bytes: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def check_image(image: bytes, max_pixels: int, content_type: str = "", content_encoding: str = "") -> ImageSize:
    """What the header says.

    Args:
        image: an encoded image.
        max_pixels: that it may have.
        content_type: of the request whose body the image is, for a better error.
        content_encoding: likewise.

    Raises:
        UnprocessableError: it is no image, or is damaged in what was looked at.
        TooLargeError: it has more pixels than allowed, or would take more memory or work to decode than they may.
    """
    try:
        file = image_file(image, ImageLimits(max(1, len(image)), max_pixels))
    except ImageTooLargeError as error:
        raise TooLargeError(str(error)) from None
    except ImageError as error:
        kind = other_than_image(image, content_type, content_encoding)
        said = f"it is {kind}" if kind else str(error)
        raise UnprocessableError(f"the image ({len(image):,} bytes) cannot be read: {said}") from error
    return ImageSize(file.width, file.height, file.decoding_bytes + file.decoding_bytes // _ALLOWANCE)


def image_dpi(image: bytes | Path) -> float:
    """Pixels per inch, as an image's header says; 0 where it does not, or is of a kind that Pillow does not know."""
    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            return round(float(opened.info.get("dpi", (0, 0))[0] or 0), 2)
    except (OSError, ValueError, TypeError, SyntaxError, LookupError, ArithmeticError, *_OF_PILLOW):
        return 0.0


@dataclass(frozen=True)
class Reading:
    """What was read, and how long it took.

    Attributes:
        pages: one for each image, in order.
        waited_s: seconds in the queue.
        read_s: seconds with Triton.
    """

    pages: tuple[Page, ...]
    waited_s: float
    read_s: float

    @property
    def page(self) -> Page:
        """The page of the only image."""
        (page,) = self.pages
        return page


class PictureFailedError(Exception):
    """One image of a request could not be read.

    Attributes:
        index: of the image in the request.
        cause: what its caller should hear.
        pages: what was read before it.
    """

    def __init__(self, index: int, cause: GatewayError, pages: Sequence[Page]) -> None:
        super().__init__(f"image {index}: {cause.detail}")
        self.index = index
        self.cause = cause
        self.pages = tuple(pages)


async def read_pictures(
    services: Services,
    caller: Principal,
    images: Sequence[bytes],
    options: Sequence[Mapping[str, object]],
    *,
    request_id: str | None = None,
    deadline_s: float | None = None,
) -> Reading:
    """Read the images of one request, one after the other, from one place in the queue.

    Args:
        services: of the application.
        caller: whose limits count.
        images: encoded images, one or more.
        options: of each image, as `docs/options.md` names them; what is left out has the server's default.
        request_id: for Triton's log; the current request's own by default.
        deadline_s: seconds for each image, the setting by default; those of the first include the wait.

    Raises:
        PictureFailedError: an image or option is at fault, or the server did not read it, or not in time.
        GatewayError: a limit is reached.
    """
    deadline_s = deadline_s or services.settings.deadline_s
    arrived = time.monotonic()
    end = arrived + deadline_s
    services.admission.check()
    for index, image in enumerate(images):
        try:
            await asyncio.to_thread(check_image, image, services.settings.max_pixels)
        except GatewayError as error:
            raise PictureFailedError(index, error, ()) from None
    async with (
        services.quotas.use(caller, len(images)) as charge,
        services.admission.place(end - time.monotonic()) as waited_s,
    ):
        name = request_id or current_request_id()
        begin = time.monotonic()
        with services.tracing.span("read", request_id=name, pictures=len(images)):
            pages = await _read(services, images, options, charge, name, (end - begin, deadline_s))
    read_s = time.monotonic() - begin
    services.metrics.note_reading(len(images), waited_s, read_s)
    current_timing().note_reading(arrived, waited_s, read_s)
    return Reading(tuple(pages), waited_s, read_s)


async def read_image(
    services: Services,
    caller: Principal,
    image: bytes,
    options: Mapping[str, object],
    *,
    request_id: str | None = None,
    deadline_s: float | None = None,
) -> Reading:
    """`read_pictures` for one image.

    Raises:
        GatewayError: the image or an option is at fault, a limit is reached, or the server did not answer in time.
    """
    try:
        return await read_pictures(services, caller, [image], [options], request_id=request_id, deadline_s=deadline_s)
    except PictureFailedError as error:
        raise error.cause from None


async def _read(
    services: Services,
    images: Sequence[bytes],
    options: Sequence[Mapping[str, object]],
    charge: Charge,
    name: str,
    deadlines_s: tuple[float, float],
) -> list[Page]:
    """Read one after the other; the first image has the first deadline, each other one the second."""
    pages: list[Page] = []
    for index, (image, chosen) in enumerate(zip(images, options, strict=True)):
        try:
            page = await services.reader.read(image, chosen, request_id=name, deadline_s=deadlines_s[index > 0])
        except GatewayError as error:
            services.readiness.note(error)
            if isinstance(error, UnprocessableError):
                charge.note_read()  # the server did its work; the image was at fault
            raise PictureFailedError(index, error, pages) from None
        services.readiness.note(None)
        charge.note_read()
        pages.append(page)
    return pages
