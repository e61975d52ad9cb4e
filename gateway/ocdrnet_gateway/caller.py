"""Who calls."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Caller:
    """One caller, however many keys it holds.

    Attributes:
        name: that its keys were made for; where no keys are needed, everyone has one.
        rate_per_minute: pictures it may have read a minute; None: no limit.
        concurrency: requests it may have under way; None: no limit.
        owner: who may see and delete what this caller made, as a hash; empty: who has the name.
        payer: whose share of the store this caller uses, as a hash; empty: that of the name.
    """

    name: str
    rate_per_minute: float | None = None
    concurrency: int | None = None
    owner: str = ""
    payer: str = ""

    def from_address(self, host: str, token: str) -> Caller:
        """The same caller, without a key, told from others by where it calls from and by the token that it sends."""
        return replace(self, owner=_hashed(_network(host), token), payer=_hashed(_network(host)))


def _network(host: str) -> str:
    """An IPv4 address, or the 64 bits of an IPv6 one that a network has: the others each machine chooses by itself."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else host


def _hashed(*parts: str) -> str:
    return hashlib.sha256(json.dumps(["caller", *parts]).encode()).hexdigest()[:32]
