"""Several servers behind one blocking `Transport`; see `ocdrnet_client.replicas`.

A thread looks the name up, and one for each server asks whether it is ready. `replicated_aio` on a thread of its own
would do with one, but gRPC's asynchronous side is made for one event loop in a process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

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
    is_away,
    look_up,
    none_in_time,
    time_left,
    unavailable,
)
from ocdrnet_client.transports.base import Transport

T = TypeVar("T")


class ReplicatedTransport:
    """See `ocdrnet_client.transports.base.Transport`."""

    def __init__(self, address: Address, model: str, connect: Callable[[Address], Transport]) -> None:
        """Look up and connect with the first request.

        Args:
            address: of all servers.
            model: that has to be ready.
            connect: makes a connection to one server.
        """
        self._address = address
        self._model = model
        self._connect = connect
        self._rota: Rota[Transport] = Rota()
        # Of all that follows; notified whenever there may be another server to choose, or something to do.
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._used = 0.0
        self._look_ups = 0
        self._wants_look_up = False
        self._is_awake = False
        self._fault: OcdrnetError | None = None
        self._is_closed = False

    def infer(self, request: InferRequest, timeout: float | None) -> Tensors:
        """One call, to another server if the first is away."""
        return self._call(lambda connection, left: connection.infer(request, left), timeout)

    def is_model_ready(self, model: str, timeout: float | None) -> bool:
        """Whether any server would take a request."""

        def ask(connection: Transport, left: float | None) -> bool:
            if not connection.is_model_ready(model, left):
                raise NotReadyError
            return True

        try:
            return self._call(ask, timeout)
        except NotReadyError:
            return False

    def close(self) -> None:
        """Close all connections, which breaks off what is under way."""
        with self._changed:
            self._is_closed = True
            replicas = list(self._rota.replicas)
            self._changed.notify_all()
        for replica in replicas:
            replica.connection.close()

    def _call(self, ask: Callable[[Transport, float | None], T], timeout: float | None) -> T:
        end = None if timeout is None else time.monotonic() + timeout
        tried: list[Replica[Transport]] = []
        replica = self._take(end)
        while True:
            away: ServerUnavailableError | ClientClosedError | None = None
            try:
                return ask(replica.connection, time_left(end))
            except (ServerUnavailableError, ClientClosedError) as error:
                if self._is_closed:
                    raise ClientClosedError("the client was closed while the request was under way") from None
                away = error
            finally:
                self._give_back(replica, failed=away is not None)
            tried.append(replica)
            another = self._another(tried, end) if len(tried) < MOST_TRIED else None
            if another is None:
                raise unavailable(away)
            replica = another

    def _another(self, tried: list[Replica[Transport]], end: float | None) -> Replica[Transport] | None:
        with self._changed:
            while (replica := self._rota.take(tried)) is None and self._rota.may_yet_take(tried):
                if self._is_closed or not self._changed.wait(time_left(end)):
                    return None
            return replica

    def _take(self, end: float | None) -> Replica[Transport]:
        with self._changed:
            look_ups = self._wake()
            while True:
                if self._is_closed:
                    raise ClientClosedError("the client is closed; make a new one")
                if (replica := self._rota.take()) is not None:
                    return replica
                if not self._rota.replicas and self._fault and self._look_ups > look_ups:
                    raise self._fault
                if not self._changed.wait(time_left(end)):
                    raise none_in_time(self._address)

    def _give_back(self, replica: Replica[Transport], *, failed: bool) -> None:
        with self._changed:
            self._used = time.monotonic()
            self._rota.give_back(replica, failed=failed)
            if failed:
                self._wants_look_up = True
                self._changed.notify_all()

    def _wake(self) -> int:
        self._used = time.monotonic()
        if not self._is_awake:
            self._is_awake = True
            self._changed.notify_all()
        if not self._threads:
            self._begin(self._keep_looking_up, "ocdrnet-look-up")
        elif not self._rota.replicas:
            self._wants_look_up = True
            self._changed.notify_all()
        return self._look_ups

    def _begin(self, work: Callable[..., None], name: str, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _pause(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Wait, with the lock held, but not beyond the client's end."""
        self._changed.wait_for(lambda: self._is_closed or until(), seconds)

    def _keep_looking_up(self) -> None:
        while not self._is_closed:
            self._look_up()
            with self._changed:
                self._pause(LEAST_LOOK_UP_S)
                self._pause(LOOK_UP_S, lambda: self._wants_look_up)
                self._wants_look_up = False
                if self._rota.is_idle and time.monotonic() - self._used > IDLE_S:
                    self._rota.forget_answers()
                    self._is_awake = False
                    self._changed.wait_for(lambda: self._is_closed or self._is_awake)

    def _look_up(self) -> None:
        fault, addresses = None, []
        try:
            addresses = look_up(self._address)
        except ServerUnavailableError as error:
            # The servers known so far may be as they were; it may be the name server that is away.
            fault = error
        with self._changed:
            if self._is_closed:
                return
            self._fault = fault
            for replica in self._rota.update(addresses, self._connect) if addresses else ():
                self._begin(self._watch, f"ocdrnet-watch-{replica.address.ip}", replica)
            self._look_ups += 1
            self._changed.notify_all()

    def _watch(self, replica: Replica[Transport]) -> None:
        while not self._is_closed and not replica.is_over:
            try:
                ready = replica.connection.is_model_ready(self._model, SILENCE_S)
            except OcdrnetError as error:
                ready = not is_away(error)
            with self._changed:
                replica.ready = ready
                self._changed.notify_all()
                self._pause(PAUSE_S)
                self._changed.wait_for(lambda: self._is_closed or self._is_awake)
        with self._changed:
            self._rota.replicas.remove(replica)
            self._threads.remove(threading.current_thread())
        replica.connection.close()
