"""From a request's `image` to the picture it means."""

from __future__ import annotations

import asyncio

from ocdrnet_gateway.caller import Caller
from ocdrnet_gateway.data_url import picture_of
from ocdrnet_gateway.hosted.assets import place_of
from ocdrnet_gateway.problems import NotFoundError, UnprocessableError
from ocdrnet_gateway.services import Services
from ocdrnet_gateway.store import parse_id

_INLINE = "data:"
_SHOWN = 40


async def requested_picture(services: Services, caller: Caller, image: str) -> bytes:
    """The bytes of an inline picture or of an asset.

    Raises:
        UnprocessableError: it is neither, or the inline picture cannot be decoded.
        NotFoundError: the caller has no such asset, or nothing was uploaded to it.
        TooLargeError: the asset has too many bytes; what is put straight into a bucket is measured only here.
    """
    if image[:_SHOWN].lstrip()[: len(_INLINE)].lower() == _INLINE:
        return await asyncio.to_thread(picture_of, image)
    if parse_id(image) is None:
        raise UnprocessableError(
            f"image is {image[:_SHOWN]!r}; send an asset's id or a data:image/...;base64, URL, nothing is fetched"
        )
    picture = await services.store.get(place_of(image, caller), services.settings.max_upload_bytes)
    if picture is None:
        raise NotFoundError("there is no such asset of this key, or its picture was not uploaded yet, or it expired")
    return picture
