"""Where the server is: `grpc://host:port`, `grpcs://`, `http://`, `https://`, or a bare `host:port` for gRPC.

Several servers with the same models stand with commas between, `grpc://host:port,host:port`, or behind one name with
several addresses, such as a headless Service of Kubernetes.

Ports left out are Triton's own (8001 gRPC, 8000 HTTP), or 443 with TLS. The certificates trusted with TLS are
the system's; a private authority's are set by GRPC_DEFAULT_SSL_ROOTS_FILE_PATH for gRPC and SSL_CERT_FILE for
HTTP.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from ocdrnet_client.errors import ConfigurationError

DEFAULT_URL = "grpc://127.0.0.1:8001"
_DEFAULT_PORTS = {"grpc": 8001, "grpcs": 443, "http": 8000, "https": 443}


@dataclass(frozen=True)
class Address:
    """A parsed server url.

    Attributes:
        scheme: `grpc`, `grpcs`, `http` or `https`.
        host: a name or an IP address, IPv6 without brackets.
        port: 1 to 65535.
        path: what a proxy puts before `/v2`, without a slash at its end; HTTP only.
        ip: where to connect to, instead of looking `host` up; as text, IPv6 without brackets.
        more: further servers with the same models, of the same scheme and path.
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    ip: str = ""
    more: tuple[Address, ...] = ()

    def __str__(self) -> str:
        return self.url + (f" ({self.ip})" if self.ip not in ("", self.host) else "")

    @property
    def url(self) -> str:
        """As it was read; it says nothing of `ip`."""
        return f"{self.scheme}://{self.target}"

    @property
    def target(self) -> str:
        """`host:port/path`, as tritonclient wants it; of several servers `host:port,host:port/path`."""
        return ",".join(each.authority for each in self.each) + self.path

    @property
    def authority(self) -> str:
        """`host:port` of the first server."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def each(self) -> tuple[Address, ...]:
        """All servers, one by one."""
        return (replace(self, more=()), *self.more)

    @property
    def is_name(self) -> bool:
        """The host is to be looked up, and may have several addresses."""
        return not self.ip and not _is_ip(self.host)

    @property
    def is_http(self) -> bool:
        """HTTP rather than gRPC."""
        return self.scheme.startswith("http")

    @property
    def is_secure(self) -> bool:
        """With TLS."""
        return self.scheme.endswith("s")

    @property
    def is_loopback(self) -> bool:
        """On this machine, so that no proxy can stand between."""
        return all(_is_loopback(each.ip or each.host) for each in self.each)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a url.

        Raises:
            ConfigurationError: the scheme is another, the host is missing, the port is no number, or the url
                holds something that would be ignored (user, query, a path with gRPC).
        """
        authority = url.partition("://")[2] if "://" in url else url
        servers, slash, path = authority.partition("/")
        scheme = url.removesuffix(authority)
        # A fault of any of them is told with the whole url in the text.
        first, *others = (cls._parse(f"{scheme}{server}{slash}{path}", url) for server in servers.split(","))
        return replace(first, more=tuple(others))

    @classmethod
    def _parse(cls, server: str, url: str) -> Address:
        parts = _split(server, url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ConfigurationError(f"url {url!r}: the scheme must be one of {', '.join(_DEFAULT_PORTS)}")
        path = parts.path.rstrip("/")
        if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
            raise ConfigurationError(f"url {url!r}: write it as scheme://host:port, such as {DEFAULT_URL}")
        if path and not parts.scheme.startswith("http"):
            raise ConfigurationError(f"url {url!r}: gRPC has no path; leave out {path!r}")
        return cls(parts.scheme, parts.hostname, _port(url, parts), path)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback if _is_ip(host) else host == "localhost"


def _split(server: str, url: str) -> SplitResult:
    try:
        return urlsplit(server if "://" in server else f"grpc://{server}")
    except ValueError as error:
        raise ConfigurationError(f"url {url!r}: {error}; write it as scheme://host:port") from error


def _port(url: str, parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ConfigurationError(f"url {url!r}: the port must be a number from 1 to 65535")
    return port or _DEFAULT_PORTS[parts.scheme]
