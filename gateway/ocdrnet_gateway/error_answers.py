"""Gives every error the form of a problem, the framework's own included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from ocdrnet_gateway.problems import problem_response

_SENTENCES = {
    404: "there is nothing at this path; /openapi.json describes what there is",
    405: "this path does not take this method",
}
_MAX_NAMED = 5


def add_error_answers(app: FastAPI) -> None:
    """Register the handlers of an application."""

    @app.exception_handler(HTTPException)
    async def answer_error(request: Request, error: HTTPException) -> Response:
        return _answer(error)

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        return problem_response(422, described(error.errors()))


def _answer(error: HTTPException) -> Response:
    # The framework's own errors have the status in words as their detail, which says nothing new.
    is_own = not isinstance(error.detail, str) or error.__class__.__module__.startswith("ocdrnet_gateway")
    detail = error.detail if is_own else _SENTENCES.get(error.status_code, error.detail)
    return problem_response(error.status_code, str(detail), error.headers)


def described(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with a request's fields, without their values: one of them is the picture."""
    named = [": ".join(filter(None, (".".join(map(str, error["loc"])), error["msg"]))) for error in errors[:_MAX_NAMED]]
    more = [f"and {len(errors) - _MAX_NAMED} more"] if len(errors) > _MAX_NAMED else []
    return "; ".join([*named, *more])
