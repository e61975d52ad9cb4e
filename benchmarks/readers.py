"""The readers that are compared, each in a process of its own: encoded bytes in, texts out.

A reader's process is warm and idle while another is timed, so that no reader runs on memory or threads that another
left behind, and all of them run in one session of the machine.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

ReadAll = Callable[[Sequence[bytes]], int]


@dataclass(frozen=True)
class Round:
    """One pass over all images.

    Attributes:
        seconds: from the first byte handed in to the last text returned.
        lines: read in all.
    """

    seconds: float
    lines: int


def served(url: str, concurrency: int) -> ReadAll:
    """The ensemble over gRPC: one client with `concurrency` requests in flight."""
    from ocdrnet_client import Client  # noqa: PLC0415 - imported in the reader's own process

    client = Client(url)

    def read_all(images: Sequence[bytes]) -> int:
        outcomes = client.read_many(images, concurrency=concurrency)
        return sum(len(outcome.unwrap().lines) for outcome in outcomes)

    return read_all


def rapidocr(engine: str) -> ReadAll:
    """RapidOCR in process with the same weights; without its angle classifier, which the ensemble has not either."""
    from rapidocr import EngineType, RapidOCR  # noqa: PLC0415

    chosen = EngineType(engine)
    reader = RapidOCR(
        params={
            "Det.engine_type": chosen,
            "Rec.engine_type": chosen,
            "Global.use_cls": False,
            "Global.log_level": "error",
        }
    )

    def read_all(images: Sequence[bytes]) -> int:
        return sum(len(reader(image).txts or ()) for image in images)

    return read_all


class ReaderProcess:
    """A reader in its own process."""

    def __init__(self, name: str, make: Callable[..., ReadAll], *arguments: Any) -> None:  # noqa: ANN401
        """Start the process; the reader is made in it."""
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()  # so that a reader that dies ends the wait for its answer

    def read(self, images: Sequence[bytes]) -> Round:
        """Read all images once.

        Raises:
            RuntimeError: the reader failed; its own error is in the text.
        """
        self._pipe.send(images)
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(f"{self.name}: {answer}")
        return Round(*answer)

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _serve(pipe: Connection, make: Callable[..., ReadAll], arguments: tuple[Any, ...]) -> None:
    try:
        read_all = make(*arguments)
        while True:
            images = pipe.recv()
            start = time.perf_counter()
            lines = read_all(images)
            pipe.send((time.perf_counter() - start, lines))
    except EOFError:
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")
