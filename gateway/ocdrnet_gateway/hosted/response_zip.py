"""The zip that answers: what was read as JSON, and the picture with it drawn in."""

from __future__ import annotations

import io
import zipfile

from ocdrnet_client import Page
from ocdrnet_client.results import Box
from ocdrnet_gateway.hosted.bodies import Detection, Polygon, ResponseFile


def response_zip(request_id: str, page: Page, picture: bytes) -> bytes:
    """The zip's bytes.

    Args:
        request_id: a UUID; the only thing that names in the zip are made of.
        page: what was read.
        picture: a JPEG.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        answer = response_file(page).model_dump_json()
        archive.writestr(f"{request_id}.response", answer, zipfile.ZIP_DEFLATED)
        # A JPEG does not get smaller.
        archive.writestr(f"{request_id}.jpg", picture, zipfile.ZIP_STORED)
    return buffer.getvalue()


def response_file(page: Page) -> ResponseFile:
    """What was read, in the hosted endpoint's form."""
    lines = [
        Detection(label=line.text, polygon=_polygon(line.box), confidence=min(max(line.score, 0.0), 1.0))
        for line in page.lines
    ]
    return ResponseFile(metadata=lines)


def _polygon(box: Box) -> Polygon:
    corners = [
        (f"{axis}{number}", value)
        for number, point in enumerate(box, 1)
        for axis, value in zip("xy", point, strict=True)
    ]
    return Polygon(**dict(corners))
