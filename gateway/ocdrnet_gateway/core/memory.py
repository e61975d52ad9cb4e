"""How much memory the gateway may hold for its callers, and who holds it.

The limit is the container's. What an image costs is known before it is taken: a body by its bytes, a drawing by the
pixels that its header claims.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections import deque

from ocdrnet_deploy.machine.cores import container_limit
from ocdrnet_gateway.http_errors import DeadlineError, OverloadedError, TooLargeError

_MEBIBYTE = 1024 * 1024
# What the process takes without a caller, measured at some 170 MiB, and what the allocator does not give back.
_PROCESS_BYTES = 320 * _MEBIBYTE
# Shares of the budget. Bodies always find the part that drawings cannot take, so no drawing shuts the door to others.
_BODIES_SHARE = 0.5
_DRAWINGS_SHARE = 0.85
# malloc.h; setting the threshold also keeps it from growing.
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK = 1024 * 1024


class Hold:
    """Bytes that one request holds. `retain` lets a job hold them beyond its request."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self._users = 1
        self.size = 0

    def resize(self, size: int) -> None:
        """Hold so many bytes instead.

        Raises:
            TooLargeError: more than bodies may take when nobody else is here.
            OverloadedError: more than is free now.
        """
        if size > self._budget.bodies_limit:
            raise TooLargeError(
                f"the request needs {size:,} bytes of the gateway's memory, and all requests together may take"
                f" {self._budget.bodies_limit:,}; send a smaller one"
            )
        self._budget.change_bodies(size - self.size)
        self.size = size

    def retain(self) -> Hold:
        """One more user, who calls `release` too."""
        self._users += 1
        return self

    def release(self) -> None:
        """Give everything back with the last user."""
        self._users -= 1
        if self._users == 0:
            self._budget.change_bodies(-self.size)
            self.size = 0


class MemoryBudget:
    """Counts bytes held for callers. It belongs to one event loop."""

    def __init__(self, total: int) -> None:
        """Start with nothing held.

        Args:
            total: bytes that may be held at once.
        """
        self.bodies_limit = int(total * _BODIES_SHARE)
        self.drawings_limit = int(total * _DRAWINGS_SHARE)
        self._total = total
        self._bodies = 0
        self._drawings = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def held(self) -> int:
        """Bytes held now."""
        return self._bodies + self._drawings

    def hold(self) -> Hold:
        """A request's own count, which starts at nothing."""
        return Hold(self)

    def change_bodies(self, growth: int) -> None:
        """Take bytes for bodies, or give them back.

        Raises:
            OverloadedError: more than is free now.
        """
        if growth > 0 and self._bodies + growth > self._bodies_now():
            raise OverloadedError("the gateway's memory is taken by other requests; try again later")
        self._bodies += growth
        if growth < 0:
            self._wake()

    def check_drawing(self, size: int) -> None:
        """Refuse what could never be drawn.

        Raises:
            TooLargeError: it needs more than drawings may take.
        """
        if size > self.drawings_limit:
            raise TooLargeError(
                f"to draw on this image takes {size:,} bytes of the gateway's memory, and it has"
                f" {self.drawings_limit:,} for that; send a smaller image, or ask POST /v1/read, which draws nothing"
            )

    async def wait_for_drawing(self, size: int, timeout_s: float) -> None:
        """Take bytes for a drawing, after those who came first; `end_drawing` gives them back.

        Raises:
            TooLargeError: more than drawings may take.
            DeadlineError: not free in time.
        """
        self.check_drawing(size)
        if not self._waiting and self._fits(size):
            self._drawings += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await asyncio.wait_for(asyncio.shield(turn), timeout_s)
        except BaseException as error:
            if turn.done():
                self.end_drawing(size)
            else:
                turn.cancel()
                self._waiting.remove((size, turn))
                self._wake()
            if isinstance(error, asyncio.TimeoutError):
                raise DeadlineError(
                    f"no memory to draw in came free within {timeout_s:.3g} s; try again later"
                ) from None
            raise

    def end_drawing(self, size: int) -> None:
        """Give back what `wait_for_drawing` took."""
        self._drawings -= size
        self._wake()

    def _bodies_now(self) -> int:
        """What bodies may take now; their least part, while a drawing waits."""
        limit = self._total - self.drawings_limit if self._waiting else self.bodies_limit
        return min(limit, self._total - self._drawings)

    def _fits(self, size: int) -> bool:
        return self._drawings + size <= self.drawings_limit and self.held + size <= self._total

    def _wake(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, turn = self._waiting.popleft()
            self._drawings += size
            turn.set_result(None)


def return_freed_memory() -> None:
    """Have the C library give large blocks back when they are freed, as far as it is glibc.

    Otherwise it learns from the first large block to keep those of up to 32 MiB (mallopt(3), M_MMAP_THRESHOLD), and
    keeps them for each thread: Pillow's images are made of blocks of 16 MiB, and after three drawings of 100 million
    pixels a gateway held 2.6 GiB that nobody used.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


def default_budget(limit: int | None = None) -> int:
    """Bytes that a gateway on this machine may hold for its callers.

    Args:
        limit: of the container; that of this process by default.

    Returns:
        Where the container has a limit, that less what the process takes itself; else a quarter of the machine's
        memory, because Triton may run on it too.
    """
    limit = container_limit() if limit is None else limit
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if limit is None or limit >= machine:
        return machine // 4
    return max(limit - _PROCESS_BYTES, limit // 4)
