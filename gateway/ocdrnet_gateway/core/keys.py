"""Who may call: API keys, of which only hashes are kept.

A key is `ocdr_<id>_<secret>`: the id finds its entry, the secret holds 256 random bits. One salted SHA-256 is enough
for such a secret: slow hashes (bcrypt, Argon2) protect passwords that could be guessed, and 2^256 cannot be.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import ipaddress
import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ocdrnet_gateway.errors import KeysError
from ocdrnet_gateway.http_errors import UnauthorizedError


@dataclass(frozen=True)
class Principal:
    """One caller, however many keys it holds.

    Attributes:
        name: that its keys were made for; where no keys are needed, everyone has one.
        rate_per_minute: images it may have read a minute; None: no limit.
        concurrency: requests it may have under way; None: no limit.
        owner: who may see and delete what this caller made, as a hash; empty: who has the name.
        payer: whose share of the store this caller uses, as a hash; empty: that of the name.
    """

    name: str
    rate_per_minute: float | None = None
    concurrency: int | None = None
    owner: str = ""
    payer: str = ""

    def from_address(self, host: str, token: str) -> Principal:
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


_LOG = logging.getLogger(__name__)
_KEY = re.compile(r"ocdr_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
BEARER = "Authorization: Bearer KEY"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class KeyEntry:
    """What is kept of one key.

    Attributes:
        id: 16 hexadecimal digits, the key's public half.
        name: of the caller; several keys of one name are one caller, so a key is changed without losing assets.
        salt: hexadecimal.
        sha256: of salt and secret, hexadecimal.
        created: seconds since 1970.
        expires: likewise; None: never.
        rate_per_minute: instead of the setting.
        concurrency: instead of the setting.
    """

    id: str
    name: str
    salt: str
    sha256: str
    created: int
    expires: int | None = None
    rate_per_minute: float | None = None
    concurrency: int | None = None


def bearer_key(authorization: str | None) -> str:
    """The key of an `Authorization` header, `Bearer KEY`; empty if it has none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def new_key(
    name: str,
    *,
    expires: int | None = None,
    rate_per_minute: float | None = None,
    concurrency: int | None = None,
) -> tuple[str, KeyEntry]:
    """A key to hand out, and what to keep of it.

    Raises:
        KeysError: the name has other characters than letters, digits and `._@-`, or more than 64.
    """
    if not _NAME.fullmatch(name):
        raise KeysError(f"the name {name!r} cannot be used; take up to 64 letters, digits and the signs . _ @ -")
    key_id, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_hex(16)
    digest = _digest(salt, secret)
    entry = KeyEntry(key_id, name, salt, digest, int(time.time()), expires, rate_per_minute, concurrency)
    return f"ocdr_{key_id}_{secret}", entry


def load_keys(path: Path) -> list[KeyEntry]:
    """The entries of a keys file.

    Raises:
        KeysError: it cannot be read, or is no keys file.
    """
    try:
        return [KeyEntry(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))["keys"]]
    except OSError as error:
        raise KeysError(
            f"cannot read the keys file {path}: {error.strerror}; `ocdrnet keys create NAME` makes one"
        ) from None
    except (ValueError, TypeError, LookupError):
        raise KeysError(f"{path} is no keys file; `ocdrnet keys create NAME` makes one") from None


@contextmanager
def locked_keys(path: Path) -> Iterator[None]:
    """Keep other commands from changing the keys file in the block, or one of two changes would be lost.

    The lock is on an empty file beside it, since the keys file itself is replaced.

    Raises:
        KeysError: the folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KeysError(f"cannot write the keys file {path}: {error.strerror}") from None
    try:
        with suppress(OSError):  # a file system without locks is no reason to refuse keys
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def save_keys(path: Path, entries: list[KeyEntry]) -> None:
    """Replace the keys file at once, readable by its owner alone.

    Raises:
        KeysError: it cannot be written.
    """
    text = json.dumps({"keys": [asdict(entry) for entry in entries]}, indent=2) + "\n"
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise KeysError(f"cannot write the keys file {path}: {error.strerror}") from None


class Keys:
    """Checks the keys that callers send; reads the file again when it has changed, so that no restart is needed."""

    def __init__(self, path: Path | None, defaults: Principal) -> None:
        """Read the file.

        Args:
            path: of the keys file; None: no key is needed, and whatever is sent is ignored.
            defaults: limits of a key that has none of its own, and the caller where no key is needed.

        Raises:
            KeysError: the file cannot be read.
        """
        self._path = path
        self._defaults = defaults
        self._stamp: tuple[int, int, int] | None = None
        self._entries: dict[str, KeyEntry] = {}
        if path is not None:
            self._entries = {entry.id: entry for entry in load_keys(path)}
            self._stamp = _stamp(path)

    @property
    def are_required(self) -> bool:
        """Callers need a key."""
        return self._path is not None

    def caller(self, key: str, sent_as: str = BEARER) -> Principal:
        """Who calls.

        Args:
            key: as the request has it; empty: it has none.
            sent_as: how it is to be sent, for the error.

        Raises:
            UnauthorizedError: a key is needed and is missing, wrong, revoked or expired.
        """
        if self._path is None:
            return self._defaults
        self._reload(self._path)
        entry = self._entry(key, sent_as)
        rate = entry.rate_per_minute or self._defaults.rate_per_minute
        return Principal(entry.name, rate, entry.concurrency or self._defaults.concurrency)

    def _entry(self, key: str, sent_as: str) -> KeyEntry:
        parts = _KEY.fullmatch(key)
        if parts is None:
            raise UnauthorizedError(f"a key is needed: send it as `{sent_as}`")
        entry = self._entries.get(parts[1])
        # An unknown id takes as long as a wrong secret.
        salt, expected = (entry.salt, entry.sha256) if entry else ("", "")
        if not hmac.compare_digest(_digest(salt, parts[2]), expected) or entry is None:
            raise UnauthorizedError("the key is wrong or was revoked")
        if entry.expires is not None and entry.expires <= time.time():
            raise UnauthorizedError("the key has expired; ask for a new one")
        return entry

    def _reload(self, path: Path) -> None:
        stamp = _stamp(path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._entries = {entry.id: entry for entry in load_keys(path)}
        except KeysError as error:
            # A file that vanished for a moment must not lock everyone out; the keys known so far stay.
            _LOG.error("the keys file cannot be read again", extra={"reason": str(error)})


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_ino, state.st_size


def _digest(salt: str, secret: str) -> str:
    return hashlib.sha256(f"{salt}:{secret}".encode()).hexdigest()


def as_row(entry: KeyEntry) -> dict[str, Any]:
    """What may be shown of a key."""
    return {name: value for name, value in asdict(entry).items() if name not in ("salt", "sha256")}
