"""HTTP for downloads: proxy, certificates, retries, and errors without URLs."""

from __future__ import annotations

import contextlib
import random
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from ocdrnet_deploy.errors import DownloadError, NgcUnavailableError

T = TypeVar("T")


class TransientError(Exception):
    """Something that may work in a while; its text holds no URL, because a pre-signed one is a secret.

    Args:
        reason: what happened.
        retry_after_s: how long the server asks to wait; None where it does not say.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with jitter, so that a cluster's nodes do not come back in step.

    Attributes:
        attempts: failures in a row, without one new byte between them, after which to give up; from 1.
        first_s: the longest wait after the first failure, in seconds; it doubles with each further one.
        longest_s: the longest wait, in seconds.
        longest_asked_s: the longest wait that a server may ask for, in seconds.
    """

    attempts: int = 6
    first_s: float = 1.0
    longest_s: float = 30.0
    longest_asked_s: float = 120.0

    def wait_s(self, failures: int, asked_s: float | None) -> float:
        """Seconds to wait after that many failures in a row."""
        if asked_s is not None:
            return max(0.0, min(asked_s, self.longest_asked_s))
        return min(self.longest_s, self.first_s * 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)


def retry(
    policy: RetryPolicy,
    attempt: Callable[[], T],
    *,
    on_wait: Callable[[str, float], None],
    received: Callable[[], int] = lambda: 0,
    host: str = "NGC",
    advice: str = "",
) -> T:
    """Call until it succeeds or fails for good.

    Args:
        policy: how often and how long.
        attempt: raises `TransientError` where it may be called again.
        on_wait: told the reason and the seconds before each wait.
        received: bytes so far; an attempt that brought some starts the count of failures anew.
        host: that is asked, for the message.
        advice: what else the user may do, likewise.

    Raises:
        NgcUnavailableError: too many failures in a row.
    """
    failures, most = 0, received()
    while True:
        try:
            return attempt()
        except TransientError as failure:
            failures = 1 if received() > most else failures + 1
            most = max(most, received())
            if failures >= policy.attempts:
                raise NgcUnavailableError(
                    f"{host} cannot be reached: {failure}, {failures} times in a row. Try again later; what was "
                    f"received is kept{advice}"
                ) from None
            wait_s = policy.wait_s(failures, failure.retry_after_s)
            on_wait(str(failure), wait_s)
            time.sleep(wait_s)


LOOPBACK = ("127.0.0.1", "::1", "localhost")

_DISTRUST = "the TLS certificate is not trusted; if a proxy here replaces certificates, set SSL_CERT_FILE to its own"

# A server that sends nothing for this long is taken for dead.
_TIMEOUT = urllib3.Timeout(connect=10.0, read=60.0)


def get(url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
    """Ask for a URL; the answer's body is not read yet, redirects are not followed.

    Raises:
        DownloadError: the server's certificate is not trusted.
        TransientError: no connection, or it broke.
    """
    with _without_urls():
        return pool_for(url).request(
            "GET", url, headers=headers, redirect=False, retries=False, preload_content=False, timeout=_TIMEOUT
        )


def pieces(response: urllib3.BaseHTTPResponse, size: int) -> Iterator[bytes]:
    """A body as it arrives, in pieces of at most `size` bytes, each as soon as it is there.

    Raises:
        TransientError: the connection broke, or the body ended before its announced length.
    """
    with _without_urls():
        while piece := response.read1(size, decode_content=False):
            yield piece


def pool_for(url: str) -> urllib3.PoolManager:
    """Connections for one request, through the proxy that `HTTPS_PROXY` and `NO_PROXY` say.

    This machine is asked without one: plain HTTP is for it alone, and a proxy would see the key in it. A pool per
    request: a download is few requests, and its attempts are better off on fresh connections.
    """
    parts = urlsplit(url)
    proxy, host = getproxies().get(parts.scheme), parts.hostname or ""
    if proxy is None or host in LOOPBACK or proxy_bypass(host):
        return urllib3.PoolManager()
    if "://" not in proxy:
        proxy = f"http://{proxy}"  # as curl and others read a bare host and port
    user = unquote(urllib3.util.parse_url(proxy).auth or "")
    return urllib3.ProxyManager(proxy, proxy_headers=urllib3.make_headers(proxy_basic_auth=user) if user else None)


@contextlib.contextmanager
def _without_urls() -> Iterator[None]:
    """The library's messages quote URLs, and a pre-signed one lets anyone download."""
    try:
        yield
    except HTTPError as error:
        if _is_distrust(error):
            raise DownloadError(_DISTRUST) from None
        raise TransientError(f"the connection failed ({type(error).__name__})") from None


def _is_distrust(error: HTTPError) -> bool:
    """Whether TLS failed for the certificate; a connection that breaks is an SSLError too, and that may pass."""
    return isinstance(error, SSLError) and any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args)
