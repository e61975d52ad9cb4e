"""One response for each request: a bad one gets its own error, the others their answer, and no traceback leaves."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils

from ocdrnet_ops.errors import OcrInputError, OptionError
from ocdrnet_ops.options import OptionValue, parse_request_parameters
from ocdrnet_triton.stall_guard import StallGuard

Request = Any  # pb_utils.InferenceRequest: Triton ships no types
Response = Any  # pb_utils.InferenceResponse


@dataclass(frozen=True)
class OnDevice:
    """An output that is handed on by DLPack, where it lies: an array of CuPy's, contiguous."""

    array: Any


Arrays = dict[str, npt.NDArray[Any] | OnDevice]
Taken = TypeVar("Taken")
Job = TypeVar("Job")
Result = TypeVar("Result")


def answer_each(requests: Sequence[Request], answer: Callable[[Request], Arrays]) -> list[Response]:
    """Answer requests one by one.

    Args:
        requests: of one `execute` call.
        answer: output arrays by tensor name for one request; what it raises becomes that request's error.
    """
    with _guard().working():
        return [_response(_attempt(answer, request)) for request in requests]


def answer_batch(
    requests: Sequence[Request], take: Callable[[Request], Taken], answer: Callable[[list[Taken]], list[Arrays]]
) -> list[Response]:
    """Answer requests together, for a network that batches across them.

    Args:
        requests: of one `execute` call.
        take: what `answer` needs of one request; what it raises becomes that request's error.
        answer: output arrays by tensor name for each of what was taken. Where it fails for several together, it is
            asked for each alone, so that one request's failure is not another's.
    """
    with _guard().working():
        taken = [_attempt(take, request) for request in requests]
        answers = iter(_answer_all([one for one in taken if not isinstance(one, Exception)], answer))
        return [_response(one if isinstance(one, Exception) else next(answers)) for one in taken]


def tensor(request: Request, name: str) -> npt.NDArray[Any]:
    """An input tensor as an array over Triton's memory, without a copy."""
    array: npt.NDArray[Any] = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
    return array


def array_tensor(request: Request, name: str, library: Any) -> Any:  # noqa: ANN401 - a module, and its array
    """An input tensor as an array of `numpy` or `cupy`, by DLPack; copied only where it lies elsewhere."""
    given = pb_utils.get_input_tensor_by_name(request, name)
    if library is np or not given.is_cpu():
        return library.from_dlpack(given)
    return library.asarray(given.as_numpy())


def tensor_or_none(request: Request, name: str) -> npt.NDArray[Any] | None:
    """`tensor` for an optional input; None where the request lacks it."""
    given = pb_utils.get_input_tensor_by_name(request, name)
    return None if given is None else given.as_numpy()


def options(request: Request) -> dict[str, OptionValue]:
    """The request's options.

    Raises:
        OptionError: one is unknown or out of range, or no text in UTF-8, as an HTTP header may be.
    """
    try:
        text = request.parameters()
    except UnicodeDecodeError:
        raise OptionError("a request parameter is not text in UTF-8") from None
    return parse_request_parameters(text)


def text_tensor(texts: Sequence[str]) -> npt.NDArray[np.object_]:
    """Texts as a BYTES tensor, UTF-8."""
    return np.array([text.encode() for text in texts], dtype=np.object_)


@cache
def _guard() -> StallGuard:
    guard = StallGuard()
    guard.watch()
    return guard


def _answer_all(taken: list[Taken], answer: Callable[[list[Taken]], list[Arrays]]) -> list[Arrays | Exception]:
    together = _attempt(answer, taken) if taken else []
    if not isinstance(together, Exception):
        return [*together]
    if len(taken) == 1:
        return [together]
    return [_attempt(lambda one: answer([one])[0], one) for one in taken]


def _attempt(work: Callable[[Job], Result], job: Job) -> Result | Exception:
    try:
        return work(job)
    except Exception as error:
        return error


def _response(answer: Arrays | Exception) -> Response:
    return _error(answer) if isinstance(answer, Exception) else _success(answer)


def _success(arrays: Arrays) -> Response:
    return pb_utils.InferenceResponse([_tensor(name, array) for name, array in arrays.items()])


def _tensor(name: str, array: npt.NDArray[Any] | OnDevice) -> Any:  # noqa: ANN401 - pb_utils.Tensor
    if isinstance(array, OnDevice):
        return pb_utils.Tensor.from_dlpack(name, array.array)
    return pb_utils.Tensor(name, array)


def _error(error: Exception) -> Response:
    """A caller's mistake as INVALID_ARG; anything else as INTERNAL, with the traceback in the server's log alone."""
    if isinstance(error, OcrInputError):
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))
    pb_utils.Logger.log_error("".join(traceback.format_exception(error)))
    message = f"internal error ({type(error).__name__}); the server's log has the details"
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(message, pb_utils.TritonError.INTERNAL))
