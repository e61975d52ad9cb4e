"""NGC's HTTP API: the user's key, the requests of a download, and what their answers mean.

NGC's HTTP API, as far as a download needs it.

The key goes to the API's own host with the first request. Files come by redirect from storage elsewhere, under a
pre-signed location that carries its own permission; the key is not sent there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, urljoin, urlsplit

import urllib3

from ocdrnet_deploy.catalog.catalog import NgcFile
from ocdrnet_deploy.errors import DownloadError, NgcAccessError, NgcKeyError, NgcNotFoundError
from ocdrnet_deploy.ngc.connection import LOOPBACK, TransientError, get, pieces

VARIABLES = ("NGC_API_KEY", "NGC_CLI_API_KEY")
KEYS_PAGE = "https://org.ngc.nvidia.com/setup/api-keys"


class NgcKey:
    """An API key that no repr, log line or error message shows.

    Args:
        text: the key itself.
        origin: where it was read, for messages.

    Raises:
        NgcKeyError: it holds a space, a line break or another character that no HTTP header carries. It is refused
            here because the HTTP library would quote the whole header in its own error.
    """

    __slots__ = ("_text", "origin")

    def __init__(self, text: str, origin: str) -> None:
        if not text:
            raise NgcKeyError(f"the NGC key in {origin} is empty; make one at {KEYS_PAGE}")
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise NgcKeyError(f"the NGC key in {origin} holds a space, a line break or a character that is not ASCII")
        self._text = text
        self.origin = origin

    def __repr__(self) -> str:
        return f"NgcKey(from {self.origin})"

    def authorization(self) -> str:
        """Value of the HTTP header for NGC's own host; it goes nowhere else."""
        return f"Bearer {self._text}"


def read_key(file: Path | None, environment: Mapping[str, str]) -> NgcKey:
    """The key from a file, else from `NGC_API_KEY`, else from `NGC_CLI_API_KEY`.

    Raises:
        NgcKeyError: there is none, it is no key, or the file cannot be read.
    """
    if file is not None:
        return NgcKey(_content(file), str(file))
    for name in VARIABLES:
        if text := environment.get(name, "").strip():
            return NgcKey(text, name)
    raise NgcKeyError(f"NGC asks for a key. Set {VARIABLES[0]} or give --key-file FILE; make one at {KEYS_PAGE}")


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise NgcKeyError(f"{file} is no text file; it must hold the NGC key alone") from None
    except OSError as error:
        raise NgcKeyError(f"the NGC key cannot be read from {file}: {error.strerror}") from None


TRANSIENT = (408, 425, 429, 500, 502, 503, 504)


def check_answer(response: urllib3.BaseHTTPResponse, key: NgcKey, *, at_ngc: bool) -> None:
    """Let an answer pass that brings content, a redirect, or an unsatisfied range; close any other.

    Args:
        response: its body not yet read.
        key: that was sent, to name its origin.
        at_ngc: whether NGC itself answered, not the storage that it redirects to.

    Raises:
        NgcAccessError: NGC refuses the key, or the account may not read the model.
        NgcNotFoundError: there is no such thing.
        DownloadError: another refusal that will not pass by itself.
        TransientError: it may work in a while.
    """
    status = response.status
    if status < 400 or status == 416:
        return
    response.close()
    if status in TRANSIENT:
        raise TransientError(f"the server answered {status}", retry_after_s(response.headers.get("Retry-After")))
    if not at_ngc:
        # A pre-signed location expires; the next attempt is given a new one.
        raise TransientError(f"the storage that NGC redirects to answered {status}")
    if status in (401, 403):
        raise NgcAccessError(_access(status, key))
    if status == 404:
        raise NgcNotFoundError("NGC answered 404: there is no such version or file")
    raise DownloadError(f"NGC answered {status}")


def _access(status: int, key: NgcKey) -> str:
    if status == 401:
        return f"NGC does not accept the key from {key.origin} (401): mistyped, revoked or expired. New: {KEYS_PAGE}"
    return (
        f"the key from {key.origin} may not read this model (403). Sign in at https://catalog.ngc.nvidia.com, open the "
        "model's page and accept its terms there; a personal key needs the service 'NGC Catalog'"
    )


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks for, as a number or a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (when.replace(tzinfo=when.tzinfo or timezone.utc) - datetime.now(timezone.utc)).total_seconds()


PUBLIC_URL = "https://api.ngc.nvidia.com"
URL_VARIABLE = "OCDRNET_NGC_URL"

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
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
    host: ClassVar[str] = "NGC"
    advice: ClassVar[str] = ""

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

    def missing(self, source: NgcFile, name: str) -> NgcNotFoundError:
        """What there is instead of a file; as `describe_missing`."""
        return describe_missing(self, source, name)

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
        for _ in range(MOST_REDIRECTS):
            if response.status not in REDIRECTS:
                return response
            response.close()
            url = redirect_target(url, response.headers.get("Location", ""))
            response = get(url, headers)
            check_answer(response, self.key, at_ngc=False)
        raise DownloadError(f"NGC redirects more than {MOST_REDIRECTS} times")


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


def redirect_target(url: str, location: str, host: str = "NGC") -> str:
    """Where a redirect leads, from TLS to TLS.

    Raises:
        DownloadError: nowhere, or to a place without TLS.
    """
    try:
        target = urljoin(url, location)
    except ValueError:  # no URL at all
        location = target = ""
    if not location or (_scheme_and_host(url)[0], _scheme_and_host(target)[0]) not in (
        ("https", "https"),
        ("http", "http"),
        ("http", "https"),
    ):
        raise DownloadError(f"{host} redirects to nowhere, or to a place without TLS")
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
