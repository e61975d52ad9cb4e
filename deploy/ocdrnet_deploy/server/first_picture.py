"""A picture that the server reads before anybody else's: processes fault in memory and import on their first."""

import http.client
import io
from contextlib import suppress

from PIL import Image, ImageDraw, ImageFont

from ocdrnet_deploy.server.local_http import ask
from ocdrnet_deploy.server.readiness import MODEL

_TIMEOUT_S = 30.0
_HEADERS = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"}
_WORDS = ("The first", "picture warms", "every step", "0123456789", "12:30")


def read_first_picture(http_url: str, timeout_s: float = _TIMEOUT_S) -> None:
    """Has the server read a drawn picture of 1280 x 720; whether it can is not this function's business.

    Args:
        http_url: The server's HTTP endpoint, such as http://127.0.0.1:8000.
        timeout_s: Seconds that it may take.
    """
    with suppress(OSError, http.client.HTTPException):
        ask(f"{http_url}/v2/models/{MODEL}/infer", timeout_s, first_picture(), _HEADERS)


def first_picture() -> bytes:
    """A JPEG with a few words in sizes from small print to a sign's."""
    picture = Image.new("RGB", (1280, 720), "white")
    draw = ImageDraw.Draw(picture)
    for index, word in enumerate(_WORDS):
        draw.text((80, 60 + 120 * index), word, fill="black", font=ImageFont.load_default(size=24 + 16 * index))
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()
