"""Where the server is: `grpc://host:port`, `grpcs://`, `http://`, `https://`, or a bare `host:port` for gRPC.

Ports left out are Triton's own (8001 gRPC, 8000 HTTP), or 443 with TLS. The certificates trusted with TLS are
the system's; a private authority's are set by GRPC_DEFAULT_SSL_ROOTS_FILE_PATH for gRPC and SSL_CERT_FILE for
HTTP.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
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
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.target}"

    @property
    def target(self) -> str:
        """`host:port/path`, as tritonclient wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"

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
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a url.

        Raises:
            ConfigurationError: the scheme is another, the host is missing, the port is no number, or the url
                holds something that would be ignored (user, query, a path with gRPC).
        """
        parts = _split(url)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ConfigurationError(f"url {url!r}: the scheme must be one of {', '.join(_DEFAULT_PORTS)}")
        path = parts.path.rstrip("/")
        if not parts.hostname or parts.query or parts.fragment or parts.username is not None:
            raise ConfigurationError(f"url {url!r}: write it as scheme://host:port, such as {DEFAULT_URL}")
        if path and not parts.scheme.startswith("http"):
            raise ConfigurationError(f"url {url!r}: gRPC has no path; leave out {path!r}")
        return cls(parts.scheme, parts.hostname, _port(url, parts), path)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url if "://" in url else f"grpc://{url}")
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
