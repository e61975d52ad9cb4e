"""HTTP for downloads: the site's proxy and certificates, no hidden redirects or retries, errors without URLs."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from ocdrnet_deploy.errors import DownloadError
from ocdrnet_deploy.ngc.retries import TransientError

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
