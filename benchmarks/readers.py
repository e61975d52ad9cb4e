"""The readers that are compared, each in a process of its own: encoded bytes in, texts out.

A reader's process is warm and idle while another is timed, so that no reader runs on memory or threads that another
left behind, and all of them run in one session of the machine.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

Read = tuple[int, list[float]]  # lines of all images, seconds of each
ReadAll = Callable[[Sequence[bytes]], Read]


class ReaderError(RuntimeError):
    """A reader cannot be made here, or failed; its own error is in the text."""


@dataclass(frozen=True)
class Round:
    """One pass over all images, or several.

    Attributes:
        seconds: from the first byte handed in to the last text returned; the mean where several passes were one round.
        lines: read in all.
        latencies: seconds of each image.
    """

    seconds: float
    lines: int
    latencies: tuple[float, ...]


def one_by_one(read: Callable[[bytes], int]) -> ReadAll:
    """Reads images in turn.

    Args:
        read: one image -> its number of lines.
    """

    def read_all(images: Sequence[bytes]) -> Read:
        timed = [_timed(read, image) for image in images]
        return sum(lines for lines, _ in timed), [seconds for _, seconds in timed]

    return read_all


def _timed(read: Callable[[bytes], int], image: bytes) -> tuple[int, float]:
    start = time.perf_counter()
    lines = read(image)
    return lines, time.perf_counter() - start


def timed_round(read_all: ReadAll, images: Sequence[bytes]) -> Round:
    """Read all images once, in this process."""
    start = time.perf_counter()
    lines, latencies = read_all(images)
    return Round(time.perf_counter() - start, lines, tuple(latencies))


def mean_round(rounds: Sequence[Round]) -> Round:
    """Several rounds as one: seconds and lines of one of them on average."""
    count = len(rounds)
    return Round(
        sum(taken.seconds for taken in rounds) / count,
        round(sum(taken.lines for taken in rounds) / count),
        tuple(seconds for taken in rounds for seconds in taken.latencies),
    )


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

    def read(self, images: Sequence[bytes], passes: int = 1) -> Round:
        """Read all images `passes` times without a pause; seconds and lines are those of one pass, on average.

        Raises:
            ReaderError: the reader failed.
        """
        try:
            self._pipe.send([*images] * passes)
            answer = self._pipe.recv()
        except (EOFError, BrokenPipeError):
            raise ReaderError(f"{self.name}: its process ended") from None
        if isinstance(answer, str):
            raise ReaderError(answer)
        taken: Round = answer
        return replace(taken, seconds=taken.seconds / passes, lines=round(taken.lines / passes))

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _serve(pipe: Connection, make: Callable[..., ReadAll], arguments: tuple[Any, ...]) -> None:
    try:
        images = pipe.recv()  # before the reader is made: whoever asks first hears why it cannot be
        read_all = make(*arguments)
        while True:
            pipe.send(timed_round(read_all, images))
            images = pipe.recv()
    except EOFError:
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}".partition("\n")[0])
