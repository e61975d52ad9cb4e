"""A host that gives a file to whoever asks for its address, without a key: where PaddleOCR's converted networks lie."""

from __future__ import annotations

from urllib.parse import urlsplit

import urllib3

from ocdrnet_deploy.catalog.catalog import UrlFile
from ocdrnet_deploy.errors import DownloadError, NgcNotFoundError
from ocdrnet_deploy.ngc.api import MOST_REDIRECTS, REDIRECTS, TRANSIENT, redirect_target, retry_after_s
from ocdrnet_deploy.ngc.connection import LOOPBACK, TransientError, get


class PlainHost:
    """The host of one file.

    Args:
        source: of the file.

    Raises:
        DownloadError: its address is not one of TLS, nor on this machine.
    """

    def __init__(self, source: UrlFile) -> None:
        parts = urlsplit(source.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise DownloadError(f"{source.url!r} must begin with https://")
        self.host = parts.hostname or ""
        self.advice = f". Or bring {source.url} from elsewhere, and give it with --from FILE"

    def open_file(self, source: UrlFile, _name: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """Ask for the file; as of `NgcApi.open_file`."""
        url, sent = source.url, {"Accept-Encoding": "identity"} | headers
        for _ in range(MOST_REDIRECTS + 1):
            response = get(url, sent)
            self._check(response)
            if response.status not in REDIRECTS:
                return response
            response.close()
            url = redirect_target(url, response.headers.get("Location", ""), self.host)
        raise DownloadError(f"{self.host} redirects more than {MOST_REDIRECTS} times")

    def list_files(self, source: UrlFile) -> list[str]:
        """The one file."""
        return [source.file]

    def missing(self, source: UrlFile, _name: str) -> NgcNotFoundError:
        """That the file is gone."""
        return NgcNotFoundError(f"{self.host} has no file {source.url} (404){self.advice}")

    def _check(self, response: urllib3.BaseHTTPResponse) -> None:
        """Let an answer pass that brings content, a redirect, or an unsatisfied range; close any other."""
        status = response.status
        if status < 400 or status == 416:
            return
        response.close()
        if status in TRANSIENT:
            raise TransientError(f"it answered {status}", retry_after_s(response.headers.get("Retry-After")))
        if status == 404:
            raise NgcNotFoundError(f"{self.host} answered 404")
        raise DownloadError(f"{self.host} answered {status}{self.advice}")
