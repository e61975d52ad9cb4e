"""Lets a Triton answer what it has accepted, before it is told to end.

Triton before 2.58 (25.05) does not wait for gRPC requests at SIGTERM: it closes every model's queue at once, and the
next step of an ensemble then refuses a request whose first steps are done. Unloading the ensemble first does wait: it
takes no more requests, and those under way keep it and its steps.
"""

import http.client
import json
import time

from ocdrnet_deploy.server.invocation import REPOSITORY_HEADER
from ocdrnet_deploy.server.local_http import ask
from ocdrnet_deploy.server.readiness import MODEL

_POLL_S = 0.05
_TIMEOUT_S = 2.0  # of a question; a Triton that takes longer is not worth waiting for


def drain(http_url: str, repository_key: str, timeout_s: float) -> bool:
    """Stop accepting pictures, and wait for the answers of those that were accepted.

    Args:
        http_url: The server's HTTP endpoint, such as http://127.0.0.1:8000.
        repository_key: As of `invocation.triton_command`.
        timeout_s: The longest wait.

    Returns:
        Whether all are answered; False too if Triton cannot be asked, as before it is up.
    """
    end = time.monotonic() + timeout_s
    try:
        _ask(f"{http_url}/v2/repository/models/{MODEL}/unload", repository_key)
        while time.monotonic() < end:
            if not _is_held(_ask(f"{http_url}/v2/repository/index", repository_key)):
                return True
            time.sleep(_POLL_S)
    except (OSError, ValueError, http.client.HTTPException):
        pass
    return False


def _is_held(index: bytes) -> bool:
    """Whether requests still keep the ensemble, by Triton's list of models."""
    states = [model.get("state") for model in json.loads(index) if model["name"] == MODEL]
    return any(state != "UNAVAILABLE" for state in states)


def _ask(url: str, repository_key: str) -> bytes:
    return ask(url, _TIMEOUT_S, b"{}", {REPOSITORY_HEADER: repository_key})
