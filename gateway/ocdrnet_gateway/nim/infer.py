"""A NIM request's body, from bytes to what is to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

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


def parse_pictures(body: bytes, max_images: int) -> Pictures:
    """Check a body and take its pictures out.

    Raises:
        InvalidBodyError: it is no JSON, a field is wrong, there are too many pictures, or one is no data URL.
    """
    try:
        request = InferRequest.model_validate_json(body)
    except ValidationError as error:
        raise InvalidBodyError(
            [_field_error(cast("Mapping[str, Any]", item)) for item in error.errors(include_input=False)]
        ) from None
    if len(request.input) > max_images:
        raise _at("too_many_images", [], f"there are {len(request.input)} pictures; the limit is {max_images}")
    images = [_picture(index, item.url) for index, item in enumerate(request.input)]
    return Pictures(images, [{"merge": MERGE[level]} for level in request.levels])


def _picture(index: int, url: str) -> bytes:
    try:
        return picture_of(url)
    except UnprocessableError as error:
        raise _at("image_url", [index, "url"], str(error.detail)) from None


def _at(kind: str, place: list[str | int], message: str) -> InvalidBodyError:
    return InvalidBodyError([FieldError(type=kind, loc=["body", "input", *place], msg=message)])


def _field_error(item: Mapping[str, Any]) -> FieldError:
    return FieldError(type=item["type"], loc=["body", *item["loc"]], msg=item["msg"])
