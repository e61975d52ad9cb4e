"""The readers that are compared, each in a process of its own: encoded bytes in, texts out.

A reader's process is warm and idle while another is timed, so that no reader runs on memory or threads that another
left behind, and all of them run in one session of the machine.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from benchmarks.cpu_time import tree_cpu_seconds
from ocdrnet_evaluation.datasets import Region

Raw = TypeVar("Raw")
STOP_S = 10
TIMEOUT_S = 1800  # for a round: many times what the slowest takes


class ReaderError(RuntimeError):
    """A reader cannot be made here, or failed; its own error is in the text."""


@dataclass(frozen=True)
class Reading:
    """What was read in one image.

    Attributes:
        lines: with their outlines, which are empty where the reader tells none.
        words: likewise; None where the reader gives no boxes of words.
    """

    lines: tuple[Region, ...]
    words: tuple[Region, ...] | None = None


@dataclass(frozen=True)
class Round:
    """One pass over all images, or several.

    Attributes:
        seconds: from the first byte handed in to the last text returned; the mean where several passes were one round.
        lines: read in all.
        latencies: seconds of each image.
        cpu_seconds: user and system time of all processes of the reader, the server's among them; as `seconds`.
        readings: of each image, where they were asked for.
    """

    seconds: float
    lines: int
    latencies: tuple[float, ...]
    cpu_seconds: float = 0.0
    readings: tuple[Reading, ...] = ()


ReadAll = Callable[[Sequence[bytes], bool], Round]  # images, and whether the readings are wanted, with boxes of words


@dataclass(frozen=True)
class Reader(Generic[Raw]):
    """Reads images and takes the time.

    Attributes:
        read: encoded image -> the reader's own answer.
        reading: that answer -> lines and words; not timed.
        read_with_words: as `read`, where boxes of words cost extra; used where readings are wanted, which is not timed.
        in_flight: images that are read at once.
        others: ids of processes that work for the reader and are no children of this one.
    """

    read: Callable[[bytes], Raw]
    reading: Callable[[Raw], Reading]
    read_with_words: Callable[[bytes], Raw] | None = None
    in_flight: int = 1
    others: tuple[int, ...] = ()

    def __call__(self, images: Sequence[bytes], with_readings: bool = False) -> Round:
        """Read all images once."""
        read = self.read_with_words if with_readings and self.read_with_words else self.read

        def timed(image: bytes) -> tuple[Raw, float]:
            start = time.perf_counter()
            return read(image), time.perf_counter() - start

        processes = (os.getpid(), *self.others)
        used, start = tree_cpu_seconds(processes), time.perf_counter()
        if self.in_flight == 1:
            answers = [timed(image) for image in images]
        else:
            with ThreadPoolExecutor(self.in_flight) as threads:
                answers = list(threads.map(timed, images))
        seconds = time.perf_counter() - start
        used = tree_cpu_seconds(processes) - used
        readings = tuple(self.reading(answer) for answer, _ in answers)
        lines, latencies = sum(len(found.lines) for found in readings), tuple(each for _, each in answers)
        return Round(seconds, lines, latencies, used, readings if with_readings else ())


def mean_round(rounds: Sequence[Round]) -> Round:
    """Several rounds as one: seconds and lines of one of them on average."""
    count = len(rounds)
    return Round(
        sum(taken.seconds for taken in rounds) / count,
        round(sum(taken.lines for taken in rounds) / count),
        tuple(seconds for taken in rounds for seconds in taken.latencies),
        sum(taken.cpu_seconds for taken in rounds) / count,
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

    def read(self, images: Sequence[bytes], passes: int = 1, with_readings: bool = False) -> Round:
        """Read all images `passes` times without a pause; seconds and lines are those of one pass, on average.

        Args:
            images: encoded files.
            passes: without a pause.
            with_readings: whether the round brings what was read; it is then no fair measure of time.

        Raises:
            ReaderError: the reader failed.
        """
        try:
            self._pipe.send(([*images] * passes, with_readings))
            if not self._pipe.poll(TIMEOUT_S):
                raise ReaderError(f"{self.name}: no answer within {TIMEOUT_S} s")
            answer = self._pipe.recv()
        except (EOFError, BrokenPipeError):
            raise ReaderError(f"{self.name}: its process ended") from None
        if isinstance(answer, str):
            raise ReaderError(answer)
        taken: Round = answer
        return replace(
            taken,
            seconds=taken.seconds / passes,
            lines=round(taken.lines / passes),
            cpu_seconds=taken.cpu_seconds / passes,
        )

    def stop(self) -> None:
        """End the process: it ends by itself, so that its temporary files go, unless it is busy or hangs."""
        self._pipe.close()
        self._process.join(STOP_S)
        self._process.terminate()
        self._process.join()


def _serve(pipe: Connection, make: Callable[..., ReadAll], arguments: tuple[Any, ...]) -> None:
    try:
        asked = pipe.recv()  # before the reader is made: whoever asks first hears why it cannot be
        read_all = make(*arguments)
        while True:
            pipe.send(read_all(*asked))
            asked = pipe.recv()
    except EOFError:
        return
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}".partition("\n")[0])
