"""Three machines behind one name, as a headless Service of Kubernetes has them: network namespaces on one bridge.

The bridge's own namespace holds the caller and a name server. A machine is cut off by taking its cable out of the
bridge: no packet arrives any more, and nothing says so.
"""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

HERE = Path(__file__).parent
NAME = "triton-headless.ocr.svc"
FRONT = "10.77.0.1"
GRPC_PORT, HTTP_PORT = 8001, 8000


def why_not():
    """Why there can be no namespaces here; None if there can."""
    if shutil.which("ip") is None:
        return "there is no `ip` command (Debian: iproute2)"
    name = f"ocdrnet-try-{uuid.uuid4().hex[:6]}"
    tried = _ip("netns", "add", name, check=False)
    if tried.returncode:
        return f"`ip netns add` is not permitted: {tried.stderr.strip()}"
    try:
        tried = _ip("-n", name, "link", "add", "bridge0", "type", "bridge", check=False)
        return f"no bridge can be made: {tried.stderr.strip()}" if tried.returncode else None
    finally:
        _ip("netns", "del", name)


class Host:
    """One machine with a Triton stand-in on it."""

    def __init__(self, hosts, number):
        self._hosts = hosts
        self._number = number
        self.ip = f"10.77.0.{10 + number}"
        self.space = f"{hosts.prefix}-{number}"
        self._cable = f"cable{number}"
        self._journal = hosts.folder / f"host{number}.jsonl"
        self._server = None

    def plug(self):
        front, mac, front_mac = self._hosts.front, f"02:00:00:00:00:1{self._number}", "02:00:00:00:00:01"
        _ip("netns", "add", self.space)
        _ip("-n", front, "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.space)
        _ip("-n", self.space, "link", "set", "eth0", "address", mac)
        _ip("-n", self.space, "addr", "add", f"{self.ip}/24", "dev", "eth0")
        _ip("-n", front, "link", "set", self._cable, "master", "bridge0", "up")
        for device in ("lo", "eth0"):
            _ip("-n", self.space, "link", "set", device, "up")
        # As behind a router: a machine that is gone must not show as a neighbour that does not answer.
        _ip("-n", front, "neigh", "replace", self.ip, "lladdr", mac, "dev", "bridge0", "nud", "permanent")
        _ip("-n", self.space, "neigh", "replace", FRONT, "lladdr", front_mac, "dev", "eth0", "nud", "permanent")

    def start(self):
        command = ["ip", "netns", "exec", self.space, sys.executable, str(HERE / "replica_server.py")]
        self._server = subprocess.Popen([*command, self.ip, str(self._journal)], stdout=subprocess.PIPE, text=True)
        assert self._server.stdout.readline() == "ready\n"

    def kill(self):
        self._server.send_signal(signal.SIGKILL)
        self._server.wait()

    def cut(self):
        _ip("-n", self._hosts.front, "link", "set", self._cable, "nomaster")

    def mend(self):
        _ip("-n", self._hosts.front, "link", "set", self._cable, "master", "bridge0")

    def say_ready(self, ready):
        self._journal.with_suffix(".unready").unlink(missing_ok=True)
        if not ready:
            self._journal.with_suffix(".unready").touch()

    def arrivals(self, since=0.0):
        """Moments of `time.monotonic` at which requests came."""
        with contextlib.suppress(FileNotFoundError):
            lines = self._journal.read_text().splitlines()
            return [at for at in map(float, lines) if at >= since]
        return []

    def remove(self):
        if self._server and self._server.poll() is None:
            self.kill()
        if self._server:
            self._server.stdout.close()
        _ip("netns", "del", self.space, check=False)


class Hosts:
    """The bridge, the name server, and the machines; a context manager."""

    def __init__(self, folder, count=3):
        self.folder = folder
        self.prefix = f"ocdrnet-{uuid.uuid4().hex[:6]}"
        self.front = f"{self.prefix}-front"
        self.each = [Host(self, number) for number in range(1, count + 1)]
        self._names = None

    def __enter__(self):
        try:
            _ip("netns", "add", self.front)
            _ip("-n", self.front, "link", "add", "bridge0", "address", "02:00:00:00:00:01", "type", "bridge")
            _ip("-n", self.front, "addr", "add", f"{FRONT}/24", "dev", "bridge0")
            for device in ("lo", "bridge0"):
                _ip("-n", self.front, "link", "set", device, "up")
            for host in self.each:
                host.plug()
                host.start()
            self.point_name_at(*self.each)
            self._names = self.run(str(HERE / "replica_names.py"), FRONT, str(self.folder / "names"))
            assert self._names.stdout.readline() == "ready\n"
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        if self._names:
            self._names.kill()
            self._names.wait()
            self._names.stdout.close()
            self._names.stdin.close()
        for host in self.each:
            host.remove()
        _ip("netns", "del", self.front, check=False)

    def point_name_at(self, *hosts):
        """What a headless Service does as pods become ready and go."""
        unfinished = self.folder / "names.part"
        unfinished.write_text("\n".join([NAME, *(host.ip for host in hosts)]))
        unfinished.replace(self.folder / "names")

    def run(self, *arguments, **settings):
        """A Python process beside the name server, which looks names up there."""
        resolver = self.folder / "resolv.conf"
        resolver.write_text(f"nameserver {FRONT}\noptions timeout:1 attempts:1\n")
        # `ip netns exec` has given the process a view of the mounts of its own.
        shell = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        command = ["ip", "netns", "exec", self.front, "sh", "-c", shell, str(resolver), sys.executable, *arguments]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **settings)


class Load:
    """A caller that sends images all the time, and what became of each; a context manager."""

    def __init__(self, hosts, kind, callers=6, ms=40):
        url = f"http://{NAME}:{HTTP_PORT}" if "http" in kind else f"grpc://{NAME}:{GRPC_PORT}"

        self.callers = callers
        self._process = hosts.run(str(HERE / "replica_load.py"), kind, url, str(callers), str(ms))
        self.results = []
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self):
        self._listener.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def stop(self):
        """Send no more, and wait for what is under way."""
        if not self._process.stdin.closed:
            self._process.stdin.close()
        self._listener.join(30)
        assert not self._listener.is_alive(), "requests without an end"

    def _listen(self):
        for line in self._process.stdout:
            self.results.append(json.loads(line))

    @property
    def faults(self):
        return [result for result in self.results if result["fault"]]


def until(condition, seconds=20.0, why=""):
    """The moment from which a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, why or "it did not come to that"
        time.sleep(0.02)
    return time.monotonic()


def serve_names(ip, path):
    """A name server: A records of the file's first line are its other lines, read anew for each question."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((ip, 53))
        print("ready", flush=True)
        while True:
            question, caller = listener.recvfrom(4096)
            listener.sendto(_answer(question, *Path(path).read_text().split()), caller)


def _answer(wire, name, *addresses):
    question = dns.message.from_wire(wire)
    answer = dns.message.make_response(question)
    answer.flags |= dns.flags.AA | dns.flags.RA
    asked = question.question[0]
    if asked.name.to_text().rstrip(".") != name:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    elif asked.rdtype == dns.rdatatype.A and addresses:
        answer.answer.append(dns.rrset.from_text(asked.name, 5, "IN", "A", *addresses))
    return answer.to_wire()


def _ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)
