"""Asks a server whether it is ready to read images."""

import http.client
import urllib.request

# The ensemble; it is ready when every step of it is.
MODEL = "ocdrnet"

_TIMEOUT_S = 5.0


def is_model_ready(http_url: str) -> bool:
    """Whether the server answers and has the model `ocdrnet` loaded.

    Args:
        http_url: The server's HTTP endpoint, such as http://127.0.0.1:8000.
    """
    # No proxies: HTTP_PROXY is not meant for the server that this machine itself runs.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{http_url}/v2/models/{MODEL}/ready", timeout=_TIMEOUT_S) as response:
            return bool(response.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        return False
