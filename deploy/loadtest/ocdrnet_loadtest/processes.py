"""The server's processes on this machine: their CPU time and their memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import PurePath

import psutil

from ocdrnet_client.address import Address
from ocdrnet_loadtest.errors import SettingError


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
