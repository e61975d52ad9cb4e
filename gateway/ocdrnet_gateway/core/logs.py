"""The log: one JSON object a line on stderr, with the request's id. No image, no text read, no key ever goes in."""

from __future__ import annotations

import json
import logging
import sys
import traceback
import warnings
from datetime import datetime, timezone

from ocdrnet_gateway.core.connections import OncePerSecond
from ocdrnet_gateway.http_errors import current_request_id

_ROOT = "ocdrnet_gateway"
_CONNECTIONS = ("ocdrnet_gateway.core.connections", "uvicorn", "asyncio")
# Attributes that every record has; what else it has came by `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """A record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, request id, and what the call gave as `extra`."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": current_request_id(),
        }
        line.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["at"] = places(record.exc_info[1])
        return json.dumps(line, default=str)


def places(error: BaseException) -> list[str]:
    """Where an error was raised. Not what it says: the words of a fault may hold what was read."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]


def configure_logs(level: str) -> None:
    """Send this package's, uvicorn's and asyncio's lines to stderr; uvicorn's access lines give way to `observe`'s.

    What any stranger's connection can cause is written once a second at most.
    """
    for name, filters in ((_ROOT, ()), *((name, (OncePerSecond(),)) for name in _CONNECTIONS)):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        for chosen in filters:
            handler.addFilter(chosen)
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level.upper())
        logger.propagate = False
    logging.getLogger("uvicorn.access").disabled = True
    # Of an image's odd metadata; its size is checked by `reading`.
    warnings.filterwarnings("ignore", module="PIL")
