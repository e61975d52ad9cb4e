"""A closed loop by locust, in a process of its own: gevent's patches and asyncio do not go together."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_loadtest.errors import NoServerError
from ocdrnet_loadtest.pictures import Picture
from ocdrnet_loadtest.sending.base import Reply, SendSettings
from ocdrnet_loadtest.shots import Shot

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


async def shots_of_users(users: Users, pictures: Sequence[Picture], settings: SendSettings, seed: int) -> list[Shot]:
    """Let locust's users work, and bring back all their requests in the order in which they were sent.

    Raises:
        NoServerError: locust ended without having sent one.
    """
    with tempfile.TemporaryDirectory(prefix="ocdrnet-loadtest-") as folder:
        _place(pictures, Path(folder, "pictures"))
        shots = Path(folder, "shots.json")
        arguments = [*_arguments(users, settings, seed), "--pictures", f"{folder}/pictures", "--shots-file", str(shots)]
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
        (Shot(pictures[index], begin, begin, end, Reply(status, boxes)) for index, begin, end, status, boxes in found),
        key=lambda shot: shot.due,
    )


def _place(pictures: Sequence[Picture], folder: Path) -> None:
    """Files that sort in the pictures' order; what is in them decides how they are read, not the suffix."""
    folder.mkdir()
    for index, picture in enumerate(pictures):
        Path(folder, f"{index:06}.jpg").write_bytes(picture.content)


def _arguments(users: Users, settings: SendSettings, seed: int) -> list[str]:
    return [
        *("--locustfile", str(_LOCUSTFILE), "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("--users", str(users.count), "--spawn-rate", str(users.count)),
        *("--run-time", f"{math.ceil(users.seconds)}s", "--stop-timeout", str(_STOP)),
        *("--host", str(settings.address), "--ocr-model", settings.model, "--think", str(users.think)),
        *("--params", " ".join(f"{name}={value}" for name, value in settings.options.items())),
        *("--answer-timeout", str(settings.timeout_s), "--seed", str(seed)),
    ]
