"""A closed loop by locust, in a process of its own; and the server's processes on this machine."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

import psutil

from ocdrnet_client.address import Address
from ocdrnet_loadtest.errors import NoServerError, SettingError
from ocdrnet_loadtest.sending.base import Reply, SendSettings
from ocdrnet_loadtest.sent_images import SentImage
from ocdrnet_loadtest.watch import Shot


class ServerProcesses:
    """A server's process and those below it, looked up anew at each question."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._roots = tuple(psutil.Process(pid) for pid in pids)

    @classmethod
    def listening_at(cls, address: Address) -> ServerProcesses | None:
        """The process that listens at an address of this machine; None if it is elsewhere or cannot be seen."""
        if not address.is_loopback:
            return None
        ports = {each.port for each in address.each}
        try:
            pids = {
                connection.pid
                for connection in psutil.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port in ports
            }
        except psutil.AccessDenied:
            return None
        found = {pid for pid in pids if pid}
        return cls(found) if found else None

    @classmethod
    def of(cls, pids: Iterable[int]) -> ServerProcesses:
        """Named ones.

        Raises:
            SettingError: one does not run.
        """
        try:
            return cls(pids)
        except (psutil.NoSuchProcess, ValueError) as error:
            raise SettingError(f"no process of this machine has the id {getattr(error, 'pid', pids)}") from error

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time so far, by name."""
        return self._sums(lambda process: process.cpu_times().user + process.cpu_times().system)

    def resident_bytes(self) -> dict[str, int]:
        """Resident memory by name; what processes share counts in each of them."""
        return {name: int(held) for name, held in self._sums(lambda process: process.memory_info().rss).items()}

    def _sums(self, figure: Callable[[psutil.Process], float]) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        for process in self._family():
            # One that has just ended, or belongs to somebody else, has no figures.
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied), process.oneshot():
                sums[_name(process)] += figure(process)
        return dict(sums)

    def _family(self) -> Iterator[psutil.Process]:
        for root in self._roots:
            with suppress(psutil.NoSuchProcess):
                yield from [root, *root.children(recursive=True)]


def _name(process: psutil.Process) -> str:
    """Of a Python stub the model it runs, else the program's name."""
    for argument in process.cmdline():
        path = PurePath(argument)
        if path.name == "model.py" and len(path.parts) >= 3:
            return path.parts[-3]
    return str(process.name())


def growth(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """CPU seconds between two moments; a process that has begun since counts from 0."""
    return {name: max(0.0, seconds - before.get(name, 0.0)) for name, seconds in after.items()}


_STOP = 60  # seconds that locust gives requests under way at the end
_START_AND_EXIT = 30  # seconds; gRPC's channels, closed by gevent's last garbage collection, can hang for ever
_LOCUSTFILE = Path(__file__).with_name("locustfile.py")
_TAIL = 5  # lines of locust's log in an error


@dataclass(frozen=True)
class Users:
    """A closed loop.

    Attributes:
        count: users, each with one request under way.
        seconds: that they work.
        think: seconds that each rests after an answer.
    """

    count: int
    seconds: float
    think: float = 0.0


async def shots_of_users(users: Users, images: Sequence[SentImage], settings: SendSettings, seed: int) -> list[Shot]:
    """Let locust's users work, and bring back all their requests in the order in which they were sent.

    Raises:
        NoServerError: locust ended without having sent one.
    """
    with tempfile.TemporaryDirectory(prefix="ocdrnet-loadtest-") as folder:
        _place(images, Path(folder, "images"))
        shots = Path(folder, "shots.json")
        arguments = [*_arguments(users, settings, seed), "--images", f"{folder}/images", "--shots-file", str(shots)]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "locust",
            *arguments,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        log = b""
        try:
            _, log = await asyncio.wait_for(process.communicate(), users.seconds + _STOP + _START_AND_EXIT)
        except asyncio.TimeoutError:  # its requests are written down before it exits
            log = b"locust did not end"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        found = json.loads(shots.read_text(encoding="utf-8")) if shots.exists() else []
    if not found:
        tail = "\n".join(log.decode(errors="replace").splitlines()[-_TAIL:])
        raise NoServerError(f"locust sent nothing:\n{tail}")
    return sorted(
        (Shot(images[index], begin, begin, end, Reply(status, boxes)) for index, begin, end, status, boxes in found),
        key=lambda shot: shot.due,
    )


def _place(images: Sequence[SentImage], folder: Path) -> None:
    """Files that sort in the images' order; what is in them decides how they are read, not the suffix."""
    folder.mkdir()
    for index, image in enumerate(images):
        Path(folder, f"{index:06}.jpg").write_bytes(image.content)


def _arguments(users: Users, settings: SendSettings, seed: int) -> list[str]:
    return [
        *("--locustfile", str(_LOCUSTFILE), "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("--users", str(users.count), "--spawn-rate", str(users.count)),
        *("--run-time", f"{math.ceil(users.seconds)}s", "--stop-timeout", str(_STOP)),
        *("--host", str(settings.address), "--ocr-model", settings.model, "--think", str(users.think)),
        *("--params", " ".join(f"{name}={value}" for name, value in settings.options.items())),
        *("--answer-timeout", str(settings.timeout_s), "--seed", str(seed)),
    ]
