"""Calls to hosts that a caller names: only those that the operator lists, and only to addresses that were checked."""

import asyncio
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from ocdrnet_gateway.core.allowed_hosts import AllowedHosts, NotAllowedError, RemoteError, _Entry, _may_be_called
from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.http_errors import TooLargeError


class Remote(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: ClassVar[list] = []

    def do_GET(self):
        self.seen.append((self.path, dict(self.headers)))
        if self.path == "/hang":
            self.server.released.wait(10)
        status, headers, body = {
            "/moved": (302, {"location": "/file"}, b""),
            "/missing": (404, {}, b"no"),
            "/packed": (200, {"content-encoding": "gzip"}, b"x"),
        }.get(self.path, (200, {"content-type": "image/png"}, b"x" * 1000))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.path == "/unmeasured":
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        self.seen.append((self.path, self.rfile.read(int(self.headers["content-length"])), dict(self.headers)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def remote():
    Remote.seen = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Remote) as server:
        server.released = threading.Event()
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.released.set()
        server.shutdown()


def resolve_to(monkeypatch, *answers):
    """Every name resolves to the next of these, the last one for ever."""
    left = list(answers)

    def getaddrinfo(host, port, **_):
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def fetch(hosts, url, max_bytes=10_000, timeout_s=5.0):
    return asyncio.run(AllowedHosts(hosts).fetch(url, max_bytes=max_bytes, timeout_s=timeout_s))


def test_a_listed_host_is_asked(remote):
    found = fetch(f"127.0.0.1:{remote}", f"http://127.0.0.1:{remote}/file?a=b#c")
    assert (found.content, found.content_type) == (b"x" * 1000, "image/png")
    path, headers = Remote.seen[0]
    assert path == "/file?a=b"
    assert headers["accept-encoding"] == "identity"


def test_something_is_sent_to_a_listed_host(remote):
    hosts = AllowedHosts(f"localhost:{remote}")
    status = asyncio.run(hosts.post(f"http://localhost:{remote}/hook", b"{}", {"x-own": "1"}, timeout_s=5))
    assert status == 204
    path, body, headers = Remote.seen[0]
    assert (path, body, headers["x-own"]) == ("/hook", b"{}", "1")


@pytest.mark.parametrize("hosts", ["", "other.example", "127.0.0.1", "10.0.0.1:{port}", "*.0.0.1:{port}", "*"])
def test_another_host_or_port_is_not_asked(remote, hosts):
    with pytest.raises(NotAllowedError):
        fetch(hosts.format(port=remote), f"http://127.0.0.1:{remote}/file")
    assert Remote.seen == []


@pytest.mark.parametrize(
    ("hosts", "url", "fits"),
    [
        ("images.example", "https://images.example/a.png", True),
        ("images.example", "http://images.example/a.png", True),
        ("images.example", "https://IMAGES.example./a.png", True),
        ("images.example", "https://images.example:8443/a.png", False),
        ("images.example", "http://images.example:443/a.png", False),
        ("images.example:8443", "https://images.example:8443/", True),
        ("images.example", "https://images.example.evil.test/", False),
        ("images.example", "https://evil.test/images.example", False),
        ("images.example", "https://images.example@evil.test/", False),
        ("images.example", "https://user@images.example/", False),
        ("images.example", "file://images.example/etc/passwd", False),
        ("images.example", "gopher://images.example/", False),
        ("*.example", "https://images.example/", True),
        ("*.example", "https://example/", False),
        ("*.example", "https://badexample/", False),
        ("[fd00::7]:9000", "http://[fd00:0::7]:9000/", True),
        ("10.0.0.7", "http://10.0.0.7/", True),
        ("*", "https://images.example/", True),
        ("*", "not a url", False),
        ("*", "https:///a", False),
        ("*", "https://images.example/" + "a" * 5000, False),
        ("*", "https://images.example:99999/", False),
    ],
)
def test_who_is_in_the_list(hosts, url, fits):
    if fits:
        assert AllowedHosts(hosts).check(url).host
    else:
        with pytest.raises(NotAllowedError):
            AllowedHosts(hosts).check(url)


@pytest.mark.parametrize("hosts", ["http://a.example", "a b", "a.example:0", "a.example:99999", "*a.example", "a/b"])
def test_what_is_no_host_is_refused_at_the_start(hosts):
    with pytest.raises(SettingsError, match="is no host"):
        AllowedHosts(f"good.example, {hosts}")


PRIVATE = ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
NEVER = ["169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:169.254.169.254"]
NEVER += ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "240.0.0.1", "255.255.255.255"]
NEVER += ["fd00:ec2::254", "100.100.100.200", "168.63.129.16", "::ffff:168.63.129.16", "fec0::1"]


@pytest.mark.parametrize("address", PRIVATE + NEVER)
def test_a_wildcard_leads_to_no_private_address(monkeypatch, address):
    resolve_to(monkeypatch, address)
    for hosts in ("*", "*.example"):
        with pytest.raises(NotAllowedError, match="not a public one"):
            fetch(hosts, "http://inner.example/")


@pytest.mark.parametrize("address", NEVER)
def test_a_name_leads_to_no_link_local_address(monkeypatch, address):
    resolve_to(monkeypatch, address)
    with pytest.raises(NotAllowedError, match="not a public one"):
        fetch("inner.example", "http://inner.example/")


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]"])
def test_odd_spellings_of_an_address_are_seen_through(spelling):
    with pytest.raises(NotAllowedError, match=r"not a public one|is no http"):
        fetch("*", f"http://{spelling}/")


@pytest.mark.parametrize("address", ["100.100.100.200", "fec0::1", "169.254.169.254"])
def test_an_address_that_is_listed_itself_may_be_called(address):
    assert _may_be_called(address, _Entry(address, None))


def test_a_name_server_that_does_not_answer_stops_nothing_else(monkeypatch):
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answered.wait(60) and [])

    async def ask():
        hosts = AllowedHosts("*")
        calls = [hosts.fetch(f"http://a{number}.example/", max_bytes=1, timeout_s=0.2) for number in range(64)]
        try:
            failed = await asyncio.gather(*calls, return_exceptions=True)
            assert all("did not answer within" in str(error.detail) for error in failed)
            return await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 20)
        finally:
            answered.set()

    assert asyncio.run(ask()) == "done"


def test_the_name_is_resolved_once(monkeypatch, remote):
    resolve_to(monkeypatch, "127.0.0.1", "127.0.0.2")
    assert fetch(f"turning.example:{remote}", f"http://turning.example:{remote}/file").content
    assert Remote.seen[0][1]["Host"] == f"turning.example:{remote}"


def test_a_redirect_is_not_followed(remote):
    with pytest.raises(RemoteError, match="status 302; redirects are not followed"):
        fetch(f"127.0.0.1:{remote}", f"http://127.0.0.1:{remote}/moved")
    assert [path for path, _ in Remote.seen] == ["/moved"]


@pytest.mark.parametrize(("path", "said"), [("missing", "status 404"), ("packed", "compressed")])
def test_another_answer_is_an_error(remote, path, said):
    with pytest.raises(RemoteError, match=said):
        fetch(f"127.0.0.1:{remote}", f"http://127.0.0.1:{remote}/{path}")


@pytest.mark.parametrize("path", ["file", "unmeasured"])
def test_bytes_have_a_limit(remote, path):
    url = f"http://127.0.0.1:{remote}/{path}"
    with pytest.raises(TooLargeError, match="more than 999 bytes"):
        fetch(f"127.0.0.1:{remote}", url, max_bytes=999)
    assert len(fetch(f"127.0.0.1:{remote}", url, max_bytes=1000).content) == 1000


def test_time_has_a_limit(remote):
    with pytest.raises(RemoteError, match=r"did not answer within 0.3 s"):
        fetch(f"127.0.0.1:{remote}", f"http://127.0.0.1:{remote}/hang", timeout_s=0.3)


def test_a_host_that_is_away_is_an_error_without_its_address(monkeypatch):
    resolve_to(monkeypatch, "127.0.0.1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(RemoteError) as caught:
        fetch(f"away.example:{port}", f"http://away.example:{port}/?key=secret")
    assert "cannot be reached" in caught.value.detail
    assert "127.0.0.1" not in caught.value.detail
    assert "secret" not in caught.value.detail


def test_no_proxy_is_asked(remote, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(f"127.0.0.1:{remote}", f"http://127.0.0.1:{remote}/file").content
