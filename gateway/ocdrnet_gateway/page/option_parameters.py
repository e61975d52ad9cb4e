"""The options of a request as query parameters: checked by the server's own definitions, and told to OpenAPI."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.datastructures import QueryParams

from ocdrnet_gateway.problems import UnprocessableError
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.option_kinds import ChoiceOption, NumberOption, Option, OptionValue
from ocdrnet_ops.options import OPTIONS, parse_options

TIMING = ChoiceOption(
    "timing", ("total", "steps"), "Whether `timing` also tells each step inside Triton, at the cost of two questions."
)


def options_of(query: QueryParams) -> tuple[dict[str, OptionValue], bool]:
    """The reading's options, and whether the steps' times are wanted.

    Raises:
        UnprocessableError: a name is unknown or twice there, or a value is out of range.
    """
    twice = [name for name, count in Counter(name for name, _ in query.multi_items()).items() if count > 1]
    if twice:
        raise UnprocessableError(f"the option {twice[0][:80]!r} is given more than once")
    given = dict(query)
    try:
        timing = TIMING.parse(given.pop(TIMING.name, TIMING.choices[0]))
        return parse_options(given), timing == "steps"
    except OptionError as error:
        raise UnprocessableError(str(error)) from None


def described_options() -> list[dict[str, Any]]:
    """OpenAPI's `parameters`."""
    return [
        {"name": option.name, "in": "query", "required": False, "description": option.help, "schema": _schema(option)}
        for option in (*OPTIONS, TIMING)
    ]


def _schema(option: Option) -> dict[str, Any]:
    if isinstance(option, NumberOption):
        low, high = option.ends
        return {"type": "integer" if option.kind is int else "number", "minimum": low, "maximum": high}
    if isinstance(option, ChoiceOption):
        return {"type": "string", "enum": list(option.choices), "default": option.choices[0]}
    return {"type": "string", "minLength": 1, "maxLength": option.longest}
