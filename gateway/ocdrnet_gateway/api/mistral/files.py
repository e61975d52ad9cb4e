"""`/v1/files`: documents that are uploaded first and read by their id, or by a URL that this gateway signed."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Annotated, Any
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Query, Request, Response

from ocdrnet_gateway.api.hosted.assets import base_address
from ocdrnet_gateway.api.hosted.ocdrnet import HeldResponse
from ocdrnet_gateway.api.hosted.state import Signer
from ocdrnet_gateway.api.mistral.schemas import DeletedFile, File, FileList, MistralError, SignedUrl, mistral_error
from ocdrnet_gateway.core.allowed_hosts import LONGEST_URL
from ocdrnet_gateway.core.form_body import described_form, read_form
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.core.services import PrincipalDep, Services, ServicesDep
from ocdrnet_gateway.http_errors import (
    ForbiddenError,
    NotFoundError,
    UnprocessableError,
    answers_errors_by,
    documented_as,
)
from ocdrnet_gateway.store import Label, Place, parse_id, space_of
from ocdrnet_gateway.store.object_store import parse_space

SIGNED = "/v1/files/signed/{space}/{file_id}"
_SIGNED_PATH = re.compile(r"/v1/files/signed/([0-9a-f]{32})/([0-9a-f-]{36})\Z")
_HOUR_S = 3600
_MOST_HOURS = 24 * 365
_NAME_LENGTH = 255
_ANY_TYPE = "application/octet-stream"

router = APIRouter(tags=["Mistral OCR"], route_class=answers_errors_by(mistral_error))

_FORM = described_form(
    purpose={"type": "string", "enum": ["ocr"]},
    expiry={"type": "integer", "minimum": 1, "description": "hours until it is deleted"},
    visibility={"type": "string", "description": "ignored: a file is its caller's alone"},
)


@router.post("/v1/files", responses=documented_as(MistralError, 401, 429, 503, 507), openapi_extra=_FORM)
async def upload_file(request: Request, services: ServicesDep, caller: PrincipalDep) -> File:
    """Keep a document to be read."""
    form = await read_form(request, "file")
    purpose = form.fields.get("purpose", "ocr")
    if purpose != "ocr":
        raise UnprocessableError(f"purpose is {purpose[:40]!r}; this server takes files for ocr alone")
    now = time.time()
    lifetime_s = min(services.settings.asset_lifetime_s, _hours(form.fields.get("expiry", "")) * _HOUR_S)
    file = File(
        id=str(uuid.uuid4()),
        bytes=len(form.file),
        created_at=int(now),
        filename=form.filename[:_NAME_LENGTH],
        mimetype=form.content_type[:_NAME_LENGTH] or None,
        expires_at=int(now + lifetime_s),
    )
    label = Label(_ANY_TYPE, now + lifetime_s, json.dumps(file.model_dump()), caller.owner, caller.payer)
    await services.store.put(Place("file", space_of(caller.name), file.id), label, form.file)
    return file


def _hours(text: str) -> int:
    if not text:
        return _MOST_HOURS
    if not text.isdecimal() or not 1 <= int(text[:9]) <= _MOST_HOURS:
        raise UnprocessableError(f"expiry is {text[:40]!r}; it is a number of hours, 1 to {_MOST_HOURS}")
    return int(text)


@router.get("/v1/files", responses=documented_as(MistralError, 401, 503))
async def list_files(
    services: ServicesDep,
    caller: PrincipalDep,
    page: Annotated[int, Query(ge=0)] = 0,
    page_size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> FileList:
    """The caller's files, newest first."""
    found = await services.store.list_labels("file", space_of(caller.name))
    files = [_file(label) for _, label in found if label.owner == caller.owner]
    files.sort(key=lambda file: -file.created_at)
    return FileList(data=files[page * page_size : (page + 1) * page_size], total=len(files))


@router.get("/v1/files/{file_id}", responses=documented_as(MistralError, 401, 404, 503))
async def get_file(file_id: str, services: ServicesDep, caller: PrincipalDep) -> File:
    """One file's description."""
    return _file((await _own(services, caller, file_id))[1])


@router.delete("/v1/files/{file_id}", responses=documented_as(MistralError, 401, 404, 503))
async def delete_file(file_id: str, services: ServicesDep, caller: PrincipalDep) -> DeletedFile:
    """Delete a file, now."""
    place, _ = await _own(services, caller, file_id)
    await services.store.delete(place)
    return DeletedFile(id=place.id)


_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "the file", "content": {_ANY_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get(
    "/v1/files/{file_id}/content",
    responses={**documented_as(MistralError, 401, 404, 429, 503), **_CONTENT},
    response_class=Response,
)
async def file_content(file_id: str, services: ServicesDep, caller: PrincipalDep) -> Response:
    """A file's bytes."""
    return await _content(services, (await _own(services, caller, file_id))[0])


@router.get("/v1/files/{file_id}/url", responses=documented_as(MistralError, 401, 404, 503))
async def signed_url(
    request: Request,
    file_id: str,
    services: ServicesDep,
    caller: PrincipalDep,
    expiry: Annotated[int, Query(ge=1, le=_MOST_HOURS, description="hours")] = 24,
) -> SignedUrl:
    """A URL of the file that needs no key; `POST /v1/ocr` takes it as `document_url`, and fetches nothing for it."""
    place, label = await _own(services, caller, file_id)
    expires = min(time.time() + expiry * _HOUR_S, label.expires)
    query = _signer(services).query("file", place, expires)
    path = SIGNED.format(space=place.space, file_id=place.id)
    return SignedUrl(url=f"{base_address(request, services.settings)}{path}?{query}")


@router.get(
    SIGNED,
    responses={**documented_as(MistralError, 403, 404, 429, 503), **_CONTENT},
    response_class=Response,
)
async def signed_content(
    space: str, file_id: str, services: ServicesDep, expires: str = "", signature: str = ""
) -> Response:
    """A file's bytes; the signed URL is all the right that it takes."""
    return await _content(services, _checked(services, space, file_id, expires, signature))


async def file_by_id(services: Services, caller: Principal, file_id: str) -> bytes:
    """The bytes of a caller's file; who knows the id may have it read, as with assets.

    Raises:
        NotFoundError: the caller has no such file.
    """
    known = parse_id(file_id)
    return await _bytes(services, Place("file", space_of(caller.name), known) if known else None)


async def file_by_url(services: Services, url: str) -> bytes | None:
    """The bytes of a file by the URL that this gateway, or one with the same secret, signed; None: it is another URL.

    Raises:
        ForbiddenError: the signature is wrong, or the URL has expired.
        NotFoundError: the file is gone.
    """
    if len(url) > LONGEST_URL:  # `urlsplit` keeps the last ones it was given, whatever their length
        return None
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, max_num_fields=8)
    except ValueError:
        return None
    found = _SIGNED_PATH.search(parts.path)
    if found is None or "signature" not in query:
        return None
    expires, signature = query.get("expires", [""])[0], query["signature"][0]
    return await _bytes(services, _checked(services, found[1], found[2], expires, signature))


def _checked(services: Services, space: str, file_id: str, expires: str, signature: str) -> Place:
    own_space, own_id = parse_space(space), parse_id(file_id)
    if own_space is None or own_id is None:
        raise ForbiddenError("the URL is not one that was signed")
    place = Place("file", own_space, own_id)
    _signer(services).check("file", place, expires, signature)
    return place


async def _own(services: Services, caller: Principal, file_id: str) -> tuple[Place, Label]:
    known = parse_id(file_id)
    place = Place("file", space_of(caller.name), known) if known else None
    label = await services.store.label(place) if place else None
    if place is None or label is None or label.owner != caller.owner:
        raise _unknown()
    return place, label


async def _bytes(services: Services, place: Place | None) -> bytes:
    content = await services.store.get(place, services.settings.max_upload_bytes) if place else None
    if content is None:
        raise _unknown()
    return content


async def _content(services: Services, place: Place) -> Response:
    headers = {"content-disposition": "attachment", "cache-control": "private, no-store"}
    return HeldResponse(await _bytes(services, place), _ANY_TYPE, headers, services.memory)


def _file(label: Label) -> File:
    return File.model_validate_json(label.description)


def _signer(services: Services) -> Signer:
    return Signer(services.settings.secret.get_secret_value())


def _unknown() -> NotFoundError:
    return NotFoundError("there is no such file of this key, or it has expired; upload it again")
