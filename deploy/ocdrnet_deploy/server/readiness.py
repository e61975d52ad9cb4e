"""Whether a server is ready, and its warm-up request."""

import http.client
import urllib.request
from collections.abc import Mapping
from contextlib import suppress

from ocdrnet_deploy.warm_up_image import warm_up_image


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


# The ensemble; it is ready when every step of it is.
MODEL = "ocdrnet"

_TIMEOUT_S = 5.0


def is_model_ready(http_url: str) -> bool:
    """Whether the server answers and has the model `ocdrnet` loaded.

    Args:
        http_url: The server's HTTP endpoint, such as http://127.0.0.1:8000.
    """
    try:
        ask(f"{http_url}/v2/models/{MODEL}/ready", _TIMEOUT_S)
    except (OSError, http.client.HTTPException):
        return False
    return True


_WARM_UP_S = 30.0
_HEADERS = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"}


def send_warm_up_request(http_url: str, timeout_s: float = _WARM_UP_S) -> None:
    """Has the server read a drawn image of 1280 x 720; whether it can is not this function's business.

    Args:
        http_url: The server's HTTP endpoint, such as http://127.0.0.1:8000.
        timeout_s: Seconds that it may take.
    """
    with suppress(OSError, http.client.HTTPException):
        ask(f"{http_url}/v2/models/{MODEL}/infer", timeout_s, warm_up_image(), _HEADERS)
