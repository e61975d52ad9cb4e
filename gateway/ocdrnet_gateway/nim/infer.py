"""A NIM request's body, from its fields to what is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocdrnet_gateway.data_url import picture_of
from ocdrnet_gateway.nim.answers import MERGE
from ocdrnet_gateway.nim.bodies import FieldError, InferRequest, InvalidBody
from ocdrnet_gateway.problems import UnprocessableError


class InvalidBodyError(Exception):
    """A body that the NIM answers with 422 and its own form of an error."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.body = InvalidBody(detail=errors)


@dataclass(frozen=True)
class Pictures:
    """What a request asks for.

    Attributes:
        images: encoded pictures.
        options: for the server, one set for each picture.
    """

    images: list[bytes]
    options: list[dict[str, Any]]


def requested_pictures(request: InferRequest, max_images: int) -> Pictures:
    """Take the pictures out of a body.

    Raises:
        InvalidBodyError: there are too many pictures, or one is no data URL.
    """
    if len(request.input) > max_images:
        detail = FieldError(
            type="too_many_images",
            loc=["body", "input"],
            msg=f"there are {len(request.input)} pictures; the limit is {max_images}",
        )
        raise InvalidBodyError([detail])
    images = [_picture(index, item.url) for index, item in enumerate(request.input)]
    return Pictures(images, [{"merge": MERGE[level]} for level in request.levels])


def invalid_picture(index: int, message: str) -> InvalidBodyError:
    """What is answered for a picture that cannot be read; the index tells which of the request's it is."""
    return InvalidBodyError([FieldError(type="image", loc=["body", "input", index, "url"], msg=message)])


def invalid_fields(errors: Sequence[Mapping[str, Any]]) -> InvalidBodyError:
    """What is answered for a body that is no JSON, or has wrong fields."""
    return InvalidBodyError(
        [FieldError(type=item["type"], loc=["body", *item["loc"]], msg=item["msg"]) for item in errors]
    )


def _picture(index: int, url: str) -> bytes:
    try:
        return picture_of(url)
    except UnprocessableError as error:
        raise invalid_picture(index, str(error.detail)) from None
