"""What can go wrong for a caller: each error as `application/problem+json` (RFC 9457), with the request's id.

GatewayError
├── BadRequestError          400  the request cannot be understood
├── UnauthorizedError        401  no key, or not a valid one
├── ForbiddenError           403  a URL whose signature is wrong or expired
├── NotFoundError            404  no such asset, result or path, or not the caller's
├── MethodNotAllowedError    405
├── UploadTimeoutError       408  the body did not arrive in time
├── NotReadyError            409  a job's result that is not there yet
├── TooLargeError            413  more bytes or pixels than allowed
├── UnprocessableError       422  not an image, or a field or option that cannot be used
├── QuotaError               429  the caller's own limit
├── OverloadedError          429  everyone's limit: the queue is full
├── InternalError            500  a fault of the gateway
├── ReaderFailedError        502  Triton failed on this request
├── UnavailableError         503  Triton is away
├── DeadlineError            504  no answer in time
└── StoreFullError           507  no room for more assets or results
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

HEADER = "x-request-id"
# What is adopted from a caller; anything else could forge a line of a log or a header.
_ALLOWED = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str] = ContextVar("request_id", default="-")


def choose_request_id(offered: str | None) -> str:
    """The caller's own id where it is harmless, else a new UUID."""
    return offered if offered and _ALLOWED.fullmatch(offered) else str(uuid.uuid4())


def set_request_id(request_id: str) -> None:
    """Make it the id of all that this task does from now on."""
    _current.set(request_id)


def current_request_id() -> str:
    """The id of the request that is being handled; `-` outside of any."""
    return _current.get()


MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """An error's body."""

    type: str = Field("about:blank", description="always about:blank: the status says it all")
    title: str = Field(description="the status in words")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what was wrong, the limit, and what to do")
    requestId: str = Field(description="as in x-request-id")  # the hosted endpoint spells it so


class GatewayError(HTTPException):
    """Root of everything that the gateway answers on purpose with a status of 400 or more.

    An HTTPException, because FastAPI hands these through from the reading of a body, and no others.
    """

    status: ClassVar[int] = 500

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(self.status, detail, dict(headers or {}))


class BadRequestError(GatewayError):
    """The request cannot be understood."""

    status = 400


class UnauthorizedError(GatewayError):
    """No key, or not a valid one."""

    status = 401

    def __init__(self, detail: str) -> None:
        super().__init__(detail, {"www-authenticate": "Bearer"})


class ForbiddenError(GatewayError):
    """A URL whose signature is wrong or has expired."""

    status = 403


class NotFoundError(GatewayError):
    """No such thing, or it is another caller's: the answer does not tell which."""

    status = 404


class UploadTimeoutError(GatewayError):
    """The body did not arrive in time."""

    status = 408


class TooLargeError(GatewayError):
    """More bytes or pixels than allowed."""

    status = 413


class UnprocessableError(GatewayError):
    """Not an image, or a field or option that cannot be used."""

    status = 422


class _RetryLaterError(GatewayError):
    """A refusal that says when to come back."""

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail, {"retry-after": str(max(1, retry_after_s))})


class QuotaError(_RetryLaterError):
    """The caller's own limit."""

    status = 429


class OverloadedError(_RetryLaterError):
    """The queue is full."""

    status = 429


class NotReadyError(_RetryLaterError):
    """The result is not there yet."""

    status = 409


class InternalError(GatewayError):
    """A fault of the gateway."""

    status = 500


class ReaderFailedError(GatewayError):
    """Triton failed on this request."""

    status = 502


class UnavailableError(_RetryLaterError):
    """Triton is away."""

    status = 503


class DeadlineError(GatewayError):
    """No answer in time."""

    status = 504


class StoreFullError(_RetryLaterError):
    """No room for more assets or results; `shortage` is how many bytes lack."""

    status = 507

    def __init__(self, detail: str, retry_after_s: int = 1, shortage: int = 0) -> None:
        super().__init__(detail, retry_after_s)
        self.shortage = shortage


def problem_response(
    status: int, detail: str, headers: Mapping[str, str] | None = None, more: Mapping[str, Any] | None = None
) -> JSONResponse:
    """An error as its answer.

    Args:
        status: of HTTP.
        detail: what was wrong, the limit, and what to do.
        headers: beside the usual ones.
        more: members beside those of `Problem`, as RFC 9457, section 3.2, allows them.
    """
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        requestId=current_request_id(),
    )
    return JSONResponse({**problem.model_dump(), **(more or {})}, status, dict(headers or {}), MEDIA_TYPE)


# An error as its answer: status of HTTP, what was wrong, headers.
ErrorForm = Callable[[int, str, Mapping[str, str] | None], Response]
_FORM = "error_form"


def answers_errors_by(form: ErrorForm) -> type[APIRoute]:
    """A route class for an interface whose errors have a form of their own, for `APIRouter(route_class=...)`.

    Every error of such a route has the form: of its dependencies, its body, its handler, and a fault.
    """

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_in_form(request: Request) -> Response:
                use_error_form(request, form)
                return await handle(request)

            return handle_in_form

    return Route


def use_error_form(request: Request, form: ErrorForm) -> None:
    """From now on an error of this request has this form."""
    request.scope.setdefault("state", {})[_FORM] = form


def error_form(scope: Mapping[str, Any]) -> ErrorForm:
    """How an error of the request is answered: a problem, unless its route has a form of its own."""
    form: ErrorForm = scope.get("state", {}).get(_FORM, problem_response)
    return form


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """A route's `responses` for OpenAPI: these statuses, each a `Problem`."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


# What any route may answer that takes a body: it is too large or too slow, a field is wrong, the gateway has a fault.
_EVERYWHERE = (400, 408, 413, 422, 500)


def documented_as(error: type[BaseModel], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """`documented` for an interface whose errors have a form of their own, in JSON; with those that any route has."""
    return {status: {"model": error, "description": HTTPStatus(status).phrase} for status in (*_EVERYWHERE, *statuses)}


_SENTENCES = {
    404: "there is nothing at this path; /openapi.json describes what there is",
    405: "this path does not take this method",
}
_MAX_NAMED = 5


def add_error_answers(app: FastAPI) -> None:
    """Register the handlers of an application."""

    @app.exception_handler(HTTPException)
    async def answer_error(request: Request, error: HTTPException) -> Response:
        return _answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        return error_form(request.scope)(422, described(error.errors()), None)


def _answer(request: Request, error: HTTPException) -> Response:
    # The framework's own errors have the status in words as their detail, which says nothing new.
    is_own = not isinstance(error.detail, str) or error.__class__.__module__.startswith("ocdrnet_gateway")
    detail = error.detail if is_own else _SENTENCES.get(error.status_code, error.detail)
    return error_form(request.scope)(error.status_code, str(detail), error.headers)


def described(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a request's fields, without their values: one of them is the image."""
    named = [": ".join(filter(None, (".".join(map(str, error["loc"])), error["msg"]))) for error in errors[:_MAX_NAMED]]
    more = [f"and {len(errors) - _MAX_NAMED} more"] if len(errors) > _MAX_NAMED else []
    return "; ".join([*named, *more])
