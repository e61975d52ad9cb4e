"""The only way in which the gateway calls a host that a caller names: one that the operator allows.

Servers that fetch what callers name can be made to call what only they reach: their own ports, other pods, a cloud's
metadata service (server-side request forgery, CWE-918). So a host has to be listed; its name is resolved once, every
address that it has is checked, and the connection goes to just these addresses: a name that resolves otherwise a
moment later changes nothing. Redirects are not followed, no proxy is asked, and bytes and time have limits.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.http_errors import TooLargeError, UnprocessableError

_LOG = logging.getLogger(__name__)
_PIECE = 64 * 1024
_SHOWN = 80
LONGEST_URL = 4096
_NAME = re.compile(r"(\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)")
# The last 32 bits of such an address are one of IPv4 (RFC 6052, section 2.1).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Where clouds answer about a machine, beside 169.254.169.254: AWS by IPv6, Alibaba Cloud, and Azure's own host.
_CLOUDS = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")))
# Of their own: a name server that does not answer takes no thread from anything else.
_LOOKUPS = ThreadPoolExecutor(4, "resolve")

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_Answer = TypeVar("_Answer")


class NotAllowedError(UnprocessableError):
    """The URL is none that the gateway may call."""


class RemoteError(UnprocessableError):
    """The host is allowed, and what it was asked for did not come."""


@dataclass(frozen=True)
class Fetched:
    """What a URL led to.

    Attributes:
        content: its bytes.
        content_type: as the host says it; empty where it does not.
    """

    content: bytes
    content_type: str


@dataclass(frozen=True)
class _Entry:
    """One host of the list.

    Attributes:
        host: a name or an address; `*` for any, `*.` before a name for what is below it.
        port: None: the scheme's own.
    """

    host: str
    port: int | None

    @property
    def is_wildcard(self) -> bool:
        return self.host.startswith("*")

    @property
    def is_address(self) -> bool:
        return _address(self.host) is not None

    def fits(self, url: URL) -> bool:
        host = _host_of(url)
        if url.port != self.port if self.port is not None else not url.is_default_port():
            return False
        return self.host in ("*", host) or (self.is_wildcard and host.endswith(self.host[1:]))


class AllowedHosts:
    """The list, and the calls that it allows."""

    def __init__(self, hosts: str = "") -> None:
        """Read the list.

        Args:
            hosts: with commas between, each `images.example`, `hooks.example:8443`, `10.0.0.7`, `[fd00::7]:9000`,
                `*.example` for all names below it, or `*` for every host; without a port the scheme's own is meant,
                443 or 80. What fits a wildcard must have public addresses. A name that stands there in full may also
                have private ones or this machine's; link-local ones, and those where clouds answer about a machine,
                have to be listed as addresses.

        Raises:
            SettingsError: one of them is no host; the text names it.
        """
        self._entries = [_entry(part) for part in hosts.split(",") if part.strip()]

    def check(self, url: str) -> URL:
        """The URL, parsed once, if its host may be called; nothing is resolved yet.

        Raises:
            NotAllowedError: it is no http or https URL, or its host is not in the list.
        """
        return self._allowed(url)[0]

    async def fetch(self, url: str, *, max_bytes: int, timeout_s: float) -> Fetched:
        """What a GET of the URL gives.

        Args:
            url: http or https.
            max_bytes: that it may have.
            timeout_s: seconds from the resolving of the name to the last byte.

        Raises:
            NotAllowedError: its host is not allowed, or has an address that is not.
            TooLargeError: it has more bytes.
            RemoteError: the host cannot be reached, answers another status than 200, a redirect among them, or takes
                too long.
        """
        allowed, entry = self._allowed(url)

        async def get(session: aiohttp.ClientSession) -> Fetched:
            async with session.get(allowed, allow_redirects=False) as answer:
                if answer.status != 200:
                    hint = "; redirects are not followed" if 300 <= answer.status < 400 else ""
                    raise RemoteError(f"{_shown(allowed)} answered with status {answer.status}{hint}")
                if answer.headers.get("content-encoding", "identity").lower() != "identity":
                    raise RemoteError(f"{_shown(allowed)} answered compressed, which was not asked for")
                return Fetched(await _content(answer, allowed, max_bytes), answer.headers.get("content-type", ""))

        return await self._call(get, allowed, entry, timeout_s)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> int:
        """Send a POST; the status of its answer, of which nothing else is read.

        Args:
            url: http or https.
            body: its bytes.
            headers: beside the usual ones.
            timeout_s: seconds from the resolving of the name to the answer's status.

        Raises:
            NotAllowedError: its host is not allowed, or has an address that is not.
            RemoteError: the host cannot be reached, or takes too long.
        """
        allowed, entry = self._allowed(url)

        async def send(session: aiohttp.ClientSession) -> int:
            async with session.post(allowed, data=body, headers=dict(headers), allow_redirects=False) as answer:
                return answer.status

        return await self._call(send, allowed, entry, timeout_s)

    def _allowed(self, text: str) -> tuple[URL, _Entry]:
        url = _parsed(text)
        # A name in full allows more than a wildcard that it fits, too.
        for entry in sorted(self._entries, key=lambda each: each.is_wildcard):
            if entry.fits(url):
                return url, entry
        if not self._entries:
            raise NotAllowedError(
                "this gateway calls no host for a caller; its operator may allow some (ALLOWED_HOSTS)"
            )
        raise NotAllowedError(
            f"{_shown(url)} is not among the hosts that this gateway's operator allows (ALLOWED_HOSTS)"
        )

    async def _call(
        self, call: Callable[[aiohttp.ClientSession], Awaitable[_Answer]], url: URL, entry: _Entry, timeout_s: float
    ) -> _Answer:
        try:
            return await asyncio.wait_for(self._connected(call, url, entry), timeout_s)
        except asyncio.TimeoutError:
            raise RemoteError(f"{_shown(url)} did not answer within {timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its words name addresses.
            _LOG.info("a host that a caller named failed", extra={"error": type(error).__name__})
            raise RemoteError(f"{_shown(url)} cannot be reached, or does not speak HTTP as it should") from None

    async def _connected(
        self, call: Callable[[aiohttp.ClientSession], Awaitable[_Answer]], url: URL, entry: _Entry
    ) -> _Answer:
        resolved = await _resolved(url)
        for found in resolved:
            if not _may_be_called(found["host"], entry):
                raise NotAllowedError(
                    f"{_shown(url)} has an address that is not a public one; such a host has to be listed in full"
                )
        connector = aiohttp.TCPConnector(resolver=_Fixed(resolved), use_dns_cache=False, force_close=True)
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"accept-encoding": "identity", "user-agent": "ocdrnet-gateway"},
        ) as session:
            return await call(session)


class _Fixed(AbstractResolver):
    """Gives the addresses that were checked, whatever the name resolves to by now."""

    def __init__(self, resolved: list[ResolveResult]) -> None:
        self._resolved = resolved

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return self._resolved

    async def close(self) -> None:
        return None


def _parsed(text: str) -> URL:
    try:
        if len(text) > LONGEST_URL:
            raise ValueError
        url = URL(text)
        host, port = url.host, url.port
    except (ValueError, TypeError):
        raise NotAllowedError(f"{text[:_SHOWN]!r} is not a URL that can be used") from None
    if url.scheme not in ("http", "https") or not host or not port or url.user is not None or url.password is not None:
        raise NotAllowedError(f"{text[:_SHOWN]!r} is no http:// or https:// URL of a host, without a user's name")
    return url.with_fragment(None)


def _host_of(url: URL) -> str:
    host = (url.host or "").lower().rstrip(".")
    address = _address(host)
    return str(address) if address else host


async def _resolved(url: URL) -> list[ResolveResult]:
    """Every address of the host, for `_Fixed`; an address stands for itself."""
    host, port = url.host or "", url.port or 0
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, look_up)
    return [
        ResolveResult(
            hostname=host,
            host=where[0],
            port=port,
            family=family,
            proto=protocol,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for family, _, protocol, _, where in found
        if isinstance(where[0], str)
    ]


def _may_be_called(text: str, entry: _Entry) -> bool:
    address = _address(text.partition("%")[0])
    if address is None:
        return False
    if entry.is_address:
        return True  # the operator wrote this very one
    inner = _inner(address)
    if inner.is_loopback:  # which counts as reserved, too
        return not entry.is_wildcard
    if inner in _CLOUDS or (isinstance(inner, ipaddress.IPv6Address) and inner.is_site_local):
        return False
    if inner.is_link_local or inner.is_multicast or inner.is_unspecified or inner.is_reserved:
        return False
    return inner.is_global or not entry.is_wildcard


def _inner(address: Address) -> Address:
    """The address of IPv4 that one of IPv6 stands for, where it does."""
    if isinstance(address, ipaddress.IPv6Address):
        if found := address.ipv4_mapped or address.sixtofour:
            return found
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


async def _content(answer: aiohttp.ClientResponse, url: URL, max_bytes: int) -> bytes:
    content = bytearray()
    declared = answer.content_length or 0
    while declared <= max_bytes and (piece := await answer.content.read(_PIECE)):
        content += piece
        declared = max(declared, len(content))
    if declared > max_bytes:
        raise TooLargeError(f"what {_shown(url)} sends has more than {max_bytes:,} bytes, which is the limit")
    return bytes(content)


def _shown(url: URL) -> str:
    """The host alone: a path or a query may hold a secret."""
    return f"the host {(url.host or '')[:_SHOWN]!r}"


def _entry(part: str) -> _Entry:
    text = part.strip().lower().rstrip(".")
    host, port = text, ""
    if bracketed := re.fullmatch(r"\[([0-9a-f:.]+)\](?::(\d{1,5}))?", text):
        host, port = bracketed[1], bracketed[2] or ""
    elif _address(text) is None and (named := re.fullmatch(r"([^:/]+):(\d{1,5})", text)):
        host, port = named[1], named[2]
    address = _address(host)
    if (address is None and not _NAME.fullmatch(host)) or not 0 < int(port or 1) < 65536:
        raise SettingsError(
            f"allowed_hosts: {part.strip()!r} is no host; write a name or an address, with :port if it is not the usual"
        )
    return _Entry(str(address) if address else host, int(port) if port else None)
