"""Which of several servers gets the next request: in turn, over those that say that they would take it.

gRPC has a `round_robin` of its own. It is not enough before Triton, as seen with Triton 2.51:

- Its health check asks `grpc.health.v1.Health/Watch`, which Triton does not implement, and then takes every server that
  accepts a connection for a healthy one.
- It looks a name up again when a connection ends, so that a new pod gets nothing before that.
- Its keepalive pings notice a dead node only if they are more frequent than Triton's defaults allow: more than two
  within five minutes, without an answer between them, and Triton ends the connection with `too_many_pings`.

So each server has a connection of its own here, and is asked every 0.4 s whether the model is ready. That question
does three things: a server that says no, or nothing, gets no request; a request under way has company on its
connection, so that the kernel notices when nothing is acknowledged any more (TCP_USER_TIMEOUT); and a server that has
come back is noticed.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar
from urllib.request import getproxies, proxy_bypass

from ocdrnet_client.address import Address
from ocdrnet_client.errors import (
    ClientClosedError,
    ModelNotFoundError,
    OcdrnetError,
    RequestTimeoutError,
    ServerUnavailableError,
)

C = TypeVar("C")

# With these a server that vanishes without a word is noticed within 2 s: at most PAUSE_S until the next question, and
# SILENCE_S without an acknowledgement.
PAUSE_S = 0.4
SILENCE_S = 1.0
# Between two look-ups of a name. CoreDNS lets an answer of a cluster's own name live for 5 s (plugin `kubernetes`).
LOOK_UP_S = 4.0
LEAST_LOOK_UP_S = 1.0  # also where a server has just failed
# After so long without a request nothing is asked; the next request begins as a new client's first.
IDLE_S = 30.0
# Servers that one try of a request may be handed to, so that an overload is not multiplied by all of them.
MOST_TRIED = 3


class NotReadyError(ServerUnavailableError):
    """A server says that the model is not ready."""


@dataclass(eq=False)
class Replica(Generic[C]):
    """One server.

    Attributes:
        address: with the `ip` where the name was looked up.
        connection: to it.
        ready: what it said last; None if it has not been asked.
        turn: number of the last request that it was given; 0 for none.
        under_way: requests that it has not answered yet.
        is_listed: the name still leads to it.
    """

    address: Address
    connection: C
    ready: bool | None = None
    turn: int = 0
    under_way: int = 0
    is_listed: bool = True

    @property
    def is_over(self) -> bool:
        """Nothing will be sent to it, and nothing is awaited from it."""
        return not self.is_listed and not self.under_way


@dataclass
class Rota(Generic[C]):
    """Who is there, and whose turn it is. Not locked: for one thread, or under its owner's lock.

    Attributes:
        replicas: in the order in which they came.
    """

    replicas: list[Replica[C]] = field(default_factory=list)
    _turns: int = 0

    def update(self, addresses: Sequence[Address], connect: Callable[[Address], C]) -> list[Replica[C]]:
        """Take over what a look-up found; those that are no longer found get no more requests.

        Args:
            addresses: all servers there are now.
            connect: called for each new one.

        Returns:
            The new ones.
        """
        known = {replica.address: replica for replica in self.replicas}
        for address, replica in known.items():
            replica.is_listed = address in addresses
        new = [Replica(address, connect(address)) for address in dict.fromkeys(addresses) if address not in known]
        self.replicas.extend(new)
        return new

    def forget_answers(self) -> None:
        """What servers said long ago counts for nothing."""
        for replica in self.replicas:
            replica.ready = None

    def take(self, tried: Collection[Replica[C]] = ()) -> Replica[C] | None:
        """The server for a request, which the caller gives back by `give_back`.

        The longest unused of those that are ready. Where none says so, a first try goes to any: its own words tell
        the caller more than a guess.

        Args:
            tried: which this request has been handed to in vain.

        Returns:
            None if there is none, or none has answered yet and some still may.
        """
        left = [replica for replica in self.replicas if replica.is_listed and replica not in tried]
        able = [replica for replica in left if replica.ready]
        if not able and not tried and all(replica.ready is False for replica in left):
            able = left
        if not able:
            return None
        chosen = min(able, key=lambda replica: replica.turn)
        self._turns += 1
        chosen.turn = self._turns
        chosen.under_way += 1
        return chosen

    def may_yet_take(self, tried: Collection[Replica[C]]) -> bool:
        """One that a request has not been handed to has yet to say whether it is ready; it does so within SILENCE_S."""
        return any(replica.is_listed and replica.ready is None for replica in self.replicas if replica not in tried)

    def give_back(self, replica: Replica[C], *, failed: bool) -> None:
        """End what `take` began; one that failed gets no more requests until it says that it is ready."""
        replica.under_way -= 1
        if failed:
            replica.ready = False

    @property
    def is_idle(self) -> bool:
        """No answer is awaited from any."""
        return not any(replica.under_way for replica in self.replicas)


def has_replicas(address: Address) -> bool:
    """Several servers may be behind an address: it lists them, or is a name that this machine looks up itself."""
    return bool(address.more) or (address.is_name and not _has_proxy(address))


def look_up(address: Address) -> list[Address]:
    """All servers of an address, each with its `ip`; blocks for as long as the system's resolver does.

    Raises:
        ServerUnavailableError: no name of them leads anywhere.
    """
    found: list[Address] = []
    failures = []
    for each in address.each:
        if _has_proxy(each):
            found.append(each)
            continue
        try:
            answers = socket.getaddrinfo(each.host, each.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            failures.append(f"{each.host}: {getattr(error, 'strerror', None) or error}")
            continue
        found.extend(replace(each, ip=str(answer[4][0])) for answer in answers)
    if not found:
        raise ServerUnavailableError(
            f"no server at {address}: the name cannot be looked up ({'; '.join(failures)}); check the url, or whether"
            " a pod behind it is ready"
        )
    return list(dict.fromkeys(found))


def is_away(error: OcdrnetError) -> bool:
    """An error in place of a ready or not means not. Others do not: a server may keep its health from who may read."""
    return isinstance(error, (ServerUnavailableError, RequestTimeoutError, ModelNotFoundError, ClientClosedError))


def unavailable(error: ServerUnavailableError | ClientClosedError) -> ServerUnavailableError:
    """The error for a caller: a server that shuts down cancels what it has, which is not the client's end."""
    return ServerUnavailableError(str(error)) if isinstance(error, ClientClosedError) else error


def time_left(end: float | None) -> float | None:
    """Seconds until a moment of `time.monotonic`, not below 0; None for none."""
    return None if end is None else max(0.0, end - time.monotonic())


def none_in_time(address: Address) -> RequestTimeoutError:
    """The error of a request that could not be handed to anyone."""
    return RequestTimeoutError(f"none of the servers at {address} was found ready in time; raise the timeout")


def _has_proxy(address: Address) -> bool:
    """A proxy of the environment looks the name up, and chooses among its addresses."""
    if address.is_loopback:
        return False
    proxies = getproxies()
    # gRPC takes the first of these, `environment_variables.md` in its repository.
    kinds = (address.scheme,) if address.is_http else ("grpc", "https", "http")
    return any(kind in proxies for kind in kinds) and not proxy_bypass(address.host)
