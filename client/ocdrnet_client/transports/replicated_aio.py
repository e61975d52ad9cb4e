"""Several servers behind one `AsyncTransport`, for an event loop; see `ocdrnet_client.replicas`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from ocdrnet_client.address import Address
from ocdrnet_client.errors import ClientClosedError, OcdrnetError, ServerUnavailableError
from ocdrnet_client.protocol import InferRequest, Tensors
from ocdrnet_client.replicas import (
    IDLE_S,
    LEAST_LOOK_UP_S,
    LOOK_UP_S,
    MOST_TRIED,
    PAUSE_S,
    SILENCE_S,
    NotReadyError,
    Replica,
    Rota,
    has_replicas,
    is_away,
    look_up,
    none_in_time,
    time_left,
    unavailable,
)
from ocdrnet_client.transports.base import AsyncTransport, cancel_all

T = TypeVar("T")


class Connection(Protocol):
    """What `AsyncReplicas` needs of a connection to one server."""

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether the server would take a request for the model now; an OcdrnetError where it does not say."""

    async def close(self) -> None:
        """Release the connection."""


C = TypeVar("C", bound=Connection)


class AsyncReplicas(Generic[C]):
    """Connections to all servers of an address, kept up to date. It belongs to the loop of its first use.

    An address of one server alone is used as it is.
    """

    def __init__(self, address: Address, model: str, connect: Callable[[Address], C]) -> None:
        """Look up and connect with the first use.

        Args:
            address: of all servers.
            model: that has to be ready.
            connect: makes a connection to one server.
        """
        self._address = address
        self._model = model
        self._connect = connect
        self._rota: Rota[C] = Rota()
        self._tasks: set[asyncio.Task[None]] = set()
        # Set, and replaced by another, whenever there may be another server to choose.
        self._news = asyncio.Event()
        self._look_up_now = asyncio.Event()
        self._awake = asyncio.Event()
        self._used = 0.0
        self._look_ups = 0
        self._fault: OcdrnetError | None = None
        self._is_closed = False

    async def call(self, ask: Callable[[C, float | None], Awaitable[T]], timeout: float | None) -> T:
        """Ask one server; if it is away, the next ones, each once and `MOST_TRIED` at most.

        Args:
            ask: asks over a connection, within so many seconds.
            timeout: seconds for all of it.

        Raises:
            ServerUnavailableError: those asked are away; of several the last one's.
            RequestTimeoutError: no answer in time.
        """
        end = None if timeout is None else time.monotonic() + timeout
        tried: list[Replica[C]] = []
        replica = await self.take(timeout)
        while True:
            away: ServerUnavailableError | ClientClosedError | None = None
            try:
                return await ask(replica.connection, time_left(end))
            except (ServerUnavailableError, ClientClosedError) as error:
                if self._is_closed:
                    raise
                away = error
            finally:
                self.give_back(replica, failed=away is not None)
            tried.append(replica)
            another = await self._another(tried, end) if len(tried) < MOST_TRIED else None
            if another is None:
                raise unavailable(away)
            replica = another

    async def _another(self, tried: list[Replica[C]], end: float | None) -> Replica[C] | None:
        while (replica := self._rota.take(tried)) is None and self._rota.may_yet_take(tried) and not self._is_closed:
            news = self._news
            try:
                await asyncio.wait_for(news.wait(), time_left(end))
            except asyncio.TimeoutError:
                return None
        return replica

    async def take(self, timeout: float | None) -> Replica[C]:
        """The server whose turn it is; `give_back` has to follow.

        Args:
            timeout: seconds to wait for one that says it is ready, where none has been asked yet.

        Raises:
            ServerUnavailableError: the name cannot be looked up.
            RequestTimeoutError: none answered in time.
        """
        end = None if timeout is None else time.monotonic() + timeout
        look_ups = self._wake()
        while True:
            if self._is_closed:
                raise ClientClosedError("the client is closed; make a new one")
            if (replica := self._rota.take()) is not None:
                return replica
            if not self._rota.replicas and self._fault and self._look_ups > look_ups:
                raise self._fault
            news = self._news
            try:
                await asyncio.wait_for(news.wait(), time_left(end))
            except asyncio.TimeoutError:
                raise none_in_time(self._address) from None

    def give_back(self, replica: Replica[C], *, failed: bool) -> None:
        """End what `take` began; one that failed gets nothing more until it says that it is ready."""
        self._used = time.monotonic()
        self._rota.give_back(replica, failed=failed)
        if failed:
            self._look_up_now.set()

    async def all(self, timeout: float | None) -> list[C]:
        """Connections to all servers there are now, in a steady order; raises what `take` raises."""
        self.give_back(await self.take(timeout), failed=False)
        return [replica.connection for replica in self._rota.replicas if replica.is_listed]

    async def close(self) -> None:
        """Close all connections, which breaks off what is under way."""
        self._is_closed = True
        await cancel_all(lambda: self._tasks)
        for replica in self._rota.replicas:
            await replica.connection.close()
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _wake(self) -> int:
        self._used = time.monotonic()
        self._awake.set()
        if not has_replicas(self._address):
            # The only one needs no watching: it is asked whatever it would say.
            for replica in self._rota.update([self._address], self._connect):
                replica.ready = True
        elif not self._tasks and not self._is_closed:
            self._begin(self._keep_looking_up())
        elif not self._rota.replicas:
            self._look_up_now.set()
        return self._look_ups

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep_looking_up(self) -> None:
        while not self._is_closed:
            self._look_up_now.clear()
            await self._look_up()
            await asyncio.sleep(LEAST_LOOK_UP_S)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._look_up_now.wait(), LOOK_UP_S)
            if self._rota.is_idle and time.monotonic() - self._used > IDLE_S:
                self._rota.forget_answers()
                self._awake.clear()
                await self._awake.wait()

    async def _look_up(self) -> None:
        try:
            addresses = await asyncio.to_thread(look_up, self._address)
        except ServerUnavailableError as error:
            # The servers known so far may be as they were; it may be the name server that is away.
            self._fault = error
        else:
            self._fault = None
            for replica in self._rota.update(addresses, self._connect):
                self._begin(self._watch(replica))
        self._look_ups += 1
        self._tell()

    async def _watch(self, replica: Replica[C]) -> None:
        while not replica.is_over and not self._is_closed:
            await self._awake.wait()
            try:
                replica.ready = await replica.connection.is_model_ready(self._model, SILENCE_S)
            except OcdrnetError as error:
                replica.ready = not is_away(error)
            self._tell()
            await asyncio.sleep(PAUSE_S)
        self._rota.replicas.remove(replica)
        await replica.connection.close()


class ReplicatedAsyncTransport:
    """See `ocdrnet_client.transports.base.AsyncTransport`."""

    def __init__(self, address: Address, model: str, connect: Callable[[Address], AsyncTransport]) -> None:
        self._replicas = AsyncReplicas(address, model, connect)

    async def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """One call, to another server if the first is away."""
        return await self._replicas.call(lambda connection, left: connection.infer(request, left), timeout)

    async def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether any server would take a request."""

        async def ask(connection: AsyncTransport, left: float | None) -> bool:
            if not await connection.is_model_ready(model, left):
                raise NotReadyError
            return True

        try:
            return await self._replicas.call(ask, timeout)
        except NotReadyError:
            return False

    async def close(self) -> None:
        """Close all connections."""
        await self._replicas.close()
