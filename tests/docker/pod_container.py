"""Containers of the chart's pods, run from the Dockerfile's own steps by the kernel's namespaces alone."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pod_root import Root

_UNSHARE = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]


def refusal() -> str:
    """Why containers cannot be run here; empty where they can."""
    if os.geteuid() != 0:
        return "making namespaces takes root"
    tried = subprocess.run([*_UNSHARE, "--net", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


@dataclass
class Container:
    """A process in a root file system of its own.

    Attributes:
        root: what it sees.
        log: file that its output goes to.
        beside: a container whose network it shares, as those of a pod, or of a cluster, do.
        on_host: it has the host's network; else, and without `beside`, one of its own.
    """

    root: Root
    log: Path
    beside: "Container | None" = None
    on_host: bool = False
    _unshare: subprocess.Popen | None = field(default=None, init=False)

    def start(self) -> "Container":
        joined = [] if self.beside is None else ["nsenter", f"--net=/proc/{self.beside.pid}/ns/net"]
        own = [] if self.beside or self.on_host else ["--net"]
        program = [sys.executable, str(Path(__file__).with_name("pod_root.py")), self.root.to_json()]
        with self.log.open("w") as log:
            command = [*joined, *_UNSHARE, *own, *program]
            self._unshare = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return self

    @property
    def pid(self) -> int:
        """The host's number of the process that is 1 inside."""
        while not (children := psutil.Process(self._unshare.pid).children()):
            time.sleep(0.05)
        return children[0].pid

    def wait(self, timeout_s: float) -> int:
        """Its exit code, once it has ended."""
        return self._unshare.wait(timeout_s)

    def terminate(self) -> None:
        """SIGTERM to process 1, as the kubelet does."""
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it, and what it started with it."""
        if self._unshare is None or self._unshare.poll() is not None:
            return
        # Process 1 itself, whose end is that of all inside: a change of user clears the signal of its parent's death.
        for child in psutil.Process(self._unshare.pid).children():
            child.kill()
        self._unshare.kill()
        self._unshare.wait()

    def read_status(self, name: str) -> str:
        """A line of the status that the kernel has of process 1."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def enter_network(self, *command: str) -> subprocess.Popen:
        """Run a command of the host in this container's network."""
        return subprocess.Popen(["nsenter", f"--net=/proc/{self.pid}/ns/net", *command])


def run(
    root: Root, log: Path, *, beside: Container | None = None, on_host: bool = False, timeout_s: float = 300
) -> str:
    """Run a container to its end; returns its output, and fails where it did."""
    container = Container(root, log, beside, on_host).start()
    try:
        code = container.wait(timeout_s)
    finally:
        container.kill()
    assert code == 0, f"exit code {code}: {container.output()}"
    return container.output()
