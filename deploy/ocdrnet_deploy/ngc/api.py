"""NGC's HTTP API, as far as a download needs it.

The key goes to the API's own host with the first request. Files come by redirect from storage elsewhere, under a
pre-signed location that carries its own permission; the key is not sent there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import urllib3

from ocdrnet_deploy.errors import DownloadError, NgcAccessError, NgcNotFoundError
from ocdrnet_deploy.networks.catalog import NgcFile
from ocdrnet_deploy.ngc.answers import check_answer
from ocdrnet_deploy.ngc.connection import LOOPBACK, get, pieces
from ocdrnet_deploy.ngc.key import NgcKey

PUBLIC_URL = "https://api.ngc.nvidia.com"
URL_VARIABLE = "OCDRNET_NGC_URL"

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_PAGE = 1000  # files or versions a page; the API's own client asks for as many
_MOST_PAGES = 20
_MOST_JSON = 16 << 20  # bytes


@dataclass(frozen=True)
class NgcApi:
    """One user's access to NGC.

    Attributes:
        key: of the user.
        url: of the API; plain HTTP only on this machine, because the key goes there.

    Raises:
        DownloadError: the URL would send the key in the clear.
    """

    key: NgcKey
    url: str = field(default=PUBLIC_URL)

    def __post_init__(self) -> None:
        scheme, host = _scheme_and_host(self.url)
        if scheme != "https" and not (scheme == "http" and host in LOOPBACK):
            raise DownloadError(f"{self.url!r} must begin with https://, because the NGC key is sent there")

    def open_file(self, source: NgcFile, name: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """Ask for a file of a version.

        Args:
            source: the version.
            name: of the file.
            headers: such as `Range`; sent on to where the file lies.

        Returns:
            The answer with status 200, 206 or 416; its body is not read yet.

        Raises:
            DownloadError: NGC refuses, or has no such file.
            TransientError: it may work in a while.
        """
        organization, team, model = source.model.split("/")
        place = f"v2/models/org/{organization}/team/{team}/{model}/{quote(source.version)}/files"
        url = f"{self.url.rstrip('/')}/{place}?redirect=true&path={quote(name)}"
        # Weights as they are: a compressed body could not be resumed at a byte of the file.
        return self._follow(url, {"Accept-Encoding": "identity"} | headers)

    def list_files(self, source: NgcFile) -> list[str]:
        """Names of a version's files.

        Raises:
            DownloadError: NGC refuses, or has no such version.
            TransientError: it may work in a while.
        """
        return self._listing(f"{_model(source)}/versions/{quote(source.version)}/files", "modelFiles", "path")

    def list_versions(self, source: NgcFile) -> list[str]:
        """Names of a model's versions.

        Raises:
            DownloadError: NGC refuses, or has no such model.
            TransientError: it may work in a while.
        """
        return self._listing(f"{_model(source)}/versions", "modelVersions", "versionId")

    def _listing(self, path: str, items: str, name: str) -> list[str]:
        """All pages of a list: pages count from 0, and each says how many there are."""
        names: list[str] = []
        for page in range(_MOST_PAGES):
            url = f"{self.url.rstrip('/')}/{path}?page-size={_PAGE}&page-number={page}"
            answer = _json(self._follow(url, {"Accept": "application/json"}))
            try:
                names += [str(item[name]) for item in answer.get(items) or []]
                pages = int((answer.get("paginationInfo") or {}).get("totalPages", 1))
            except (AttributeError, KeyError, TypeError, ValueError):
                raise DownloadError(f"NGC's list of {items} has another form than expected") from None
            if page + 1 >= pages:
                break
        if not all(name.isprintable() for name in names):  # they are shown, and may become names of files
            raise DownloadError(f"NGC's list of {items} has names that cannot be shown")
        return names

    def _follow(self, url: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        response = get(url, headers | {"Authorization": self.key.authorization()})
        check_answer(response, self.key, at_ngc=True)
        for _ in range(_MOST_REDIRECTS):
            if response.status not in _REDIRECTS:
                return response
            response.close()
            url = _target(url, response.headers.get("Location", ""))
            response = get(url, headers)
            check_answer(response, self.key, at_ngc=False)
        raise DownloadError(f"NGC redirects more than {_MOST_REDIRECTS} times")


def describe_missing(api: NgcApi, source: NgcFile, name: str) -> NgcNotFoundError:
    """What there is, after NGC has answered that a file, or its version, does not exist.

    Raises:
        DownloadError: NGC refuses to list.
        TransientError: it may work in a while.
    """
    version = f"{source.model}:{source.version}"
    try:
        return NgcNotFoundError(f"NGC has no file {name} in {version}; it has {', '.join(api.list_files(source))}")
    except NgcNotFoundError:
        pass
    try:
        return NgcNotFoundError(f"NGC has no {version}; versions there are {', '.join(api.list_versions(source))}")
    except (NgcNotFoundError, NgcAccessError):
        return NgcNotFoundError(f"NGC has no {version}, or does not show it to this key")


def _model(source: NgcFile) -> str:
    organization, team, model = source.model.split("/")
    return f"v2/org/{organization}/team/{team}/models/{model}"


def _target(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
    except ValueError:  # no URL at all
        location = target = ""
    if not location or (_scheme_and_host(url)[0], _scheme_and_host(target)[0]) not in (
        ("https", "https"),
        ("http", "http"),
        ("http", "https"),
    ):
        raise DownloadError("NGC redirects to nowhere, or to a place without TLS")
    return target


def _scheme_and_host(url: str) -> tuple[str, str]:
    """Scheme and host name; both empty where it is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def _json(response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    body = b""
    for piece in pieces(response, 1 << 16):
        body += piece
        if len(body) > _MOST_JSON:
            break
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise DownloadError("NGC answers something that is no JSON object; is a proxy or login page in between?")
    return answer
