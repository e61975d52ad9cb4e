"""Requests to the server that this machine itself runs."""

import urllib.request
from collections.abc import Mapping


def ask(url: str, timeout_s: float, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """The body of an answer with a status below 300; POST if there is data, else GET.

    HTTP_PROXY is not meant for this server and not asked.

    Raises:
        OSError: no connection, no answer in time, or another status.
        http.client.HTTPException: what came is no HTTP.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, data, dict(headers or {}))
    with opener.open(request, timeout=timeout_s) as answer:
        body: bytes = answer.read()
    return body
