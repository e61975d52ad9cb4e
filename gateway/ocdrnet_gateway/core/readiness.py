"""Whether an image would be read now. Triton's word is not enough: it stays ready when a step's process is dead."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from contextlib import suppress

from PIL import Image, ImageDraw, ImageFont

from ocdrnet_gateway.core.reader import Reader
from ocdrnet_gateway.http_errors import DeadlineError, GatewayError, InternalError, ReaderFailedError, UnavailableError

_LOG = logging.getLogger(__name__)
REQUEST_ID = "readiness"
# Kubernetes' probes wait for a second by default; they should hear a no, not a timeout of their own.
_ANSWER_S = 0.8
# A reading that succeeded so lately need not be repeated. Probes come every few seconds.
_FRESH_S = 2.0
# How long a success counts while a trial still waits its turn, as it does behind a queue of large images.
_BUSY_S = 60.0
# A trial that takes longer has failed; a small image takes some 0.1 s on a CPU.
_TRIAL_S = 20.0
# Behind one address there may be several servers, of which one may be ill.
_TRIALS = 2


class Readiness:
    """Knows by the readings of callers, and where there are none lately by reading a small image of its own."""

    def __init__(self, reader: Reader) -> None:
        """It belongs to one event loop.

        Args:
            reader: whose readiness it is.
        """
        self._reader = reader
        self._image = small_image()
        self._read_at: float | None = None
        self._trial: asyncio.Task[None] | None = None

    def note(self, error: GatewayError | None) -> None:
        """A caller's image was read (None), or what it was told instead.

        A refusal says nothing, for the image was bad; nor does a deadline, for the queue may have been long.
        """
        if error is None:
            self._read_at = time.monotonic()
        elif isinstance(error, (ReaderFailedError, UnavailableError)):
            self._read_at = None

    async def is_ready(self) -> bool:
        """Whether an image was read just now, or would be; answers within a second."""
        try:
            return await asyncio.wait_for(self._is_ready(), _ANSWER_S)
        except asyncio.TimeoutError:
            return self._was_read_within(_BUSY_S)

    async def close(self) -> None:
        """Break off a trial."""
        if self._trial is not None:
            self._trial.cancel()
            with suppress(asyncio.CancelledError):
                await self._trial

    async def _is_ready(self) -> bool:
        if not await self._reader.is_ready():
            return False
        if not self._was_read_within(_FRESH_S):
            if self._trial is None or self._trial.done():
                self._trial = asyncio.create_task(self._try())
            # Shielded: the next probe goes on waiting for the same trial.
            await asyncio.shield(self._trial)
        return self._was_read_within(_BUSY_S)

    def _was_read_within(self, seconds: float) -> bool:
        return self._read_at is not None and time.monotonic() - self._read_at <= seconds

    async def _try(self) -> None:
        for _ in range(_TRIALS):
            error = await self._tried()
            self._read_at = time.monotonic() if error is None else None
            if error is None:
                return
        _LOG.warning("a trial reading failed: not ready", extra={"error": type(error).__name__})

    async def _tried(self) -> GatewayError | None:
        try:
            await asyncio.wait_for(
                self._reader.read(self._image, {}, request_id=REQUEST_ID, deadline_s=_TRIAL_S), _TRIAL_S
            )
        except asyncio.TimeoutError:
            return DeadlineError("the trial did not end")
        except GatewayError as error:
            return error
        except Exception:
            _LOG.exception("fault in a trial reading")
            return InternalError("fault")
        return None


def small_image() -> bytes:
    """A PNG of 96 x 32 pixels with one word, so that every step has something to do."""
    picture = Image.new("L", (96, 32), 255)
    ImageDraw.Draw(picture).text((8, 4), "ready", font=ImageFont.load_default(22), fill=0)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
