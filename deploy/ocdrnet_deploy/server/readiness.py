"""Asks a server whether it is ready to read images."""

import http.client

from ocdrnet_deploy.server.local_http import ask

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
