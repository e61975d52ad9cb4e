"""Reads text in images by an `ocdrnet` server: blocking and asynchronous clients, and their results.

Example:
    >>> from ocdrnet_client import Client
    >>> with Client("grpc://127.0.0.1:8001") as client:
    ...     page = client.read("photo.jpg")
    ...     print(page.text)
"""

from ocdrnet_client.async_client import AsyncClient
from ocdrnet_client.client import Client
from ocdrnet_client.config import Retry, Timeout
from ocdrnet_client.documents.document import Document, DocumentPage
from ocdrnet_client.errors import (
    ClientClosedError,
    ConfigurationError,
    InvalidRequestError,
    ModelNotFoundError,
    OcdrnetError,
    RequestTimeoutError,
    ServerError,
    ServerUnavailableError,
    UnexpectedResponseError,
)
from ocdrnet_client.fonts import FontBook
from ocdrnet_client.overlay import MissingGlyphsWarning, draw_overlay
from ocdrnet_client.results import Box, Character, Line, Outcome, Page, Point, Word

__all__ = [
    "AsyncClient",
    "Box",
    "Character",
    "Client",
    "ClientClosedError",
    "ConfigurationError",
    "Document",
    "DocumentPage",
    "FontBook",
    "InvalidRequestError",
    "Line",
    "MissingGlyphsWarning",
    "ModelNotFoundError",
    "OcdrnetError",
    "Outcome",
    "Page",
    "Point",
    "RequestTimeoutError",
    "Retry",
    "ServerError",
    "ServerUnavailableError",
    "Timeout",
    "UnexpectedResponseError",
    "Word",
    "draw_overlay",
]
