"""A container's health check: exit code 0 if a URL answers 200, else 1.

python3 ready.py http://127.0.0.1:8000/v2/models/ocdrnet/ready
"""

import http.client
import sys
import urllib.request

_TIMEOUT_S = 5.0


def answers(url: str) -> bool:
    """Whether the URL answers 200 within five seconds."""
    # No proxies: HTTP_PROXY is not meant for the container's own server.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_TIMEOUT_S) as response:
            return bool(response.status == http.client.OK)
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(not answers(sys.argv[1]))
