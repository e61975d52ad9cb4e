"""SHA-256 of downloaded files, recorded beside them the first time and enforced from then on.

The record is what `sha256sum --check` reads, so a site can check its cache without this project.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from ocdrnet_deploy.repository.files import write_file

_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex, read in pieces: weights may be larger than a container's memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def record_of(path: Path) -> Path:
    """Where the checksum of a file is recorded."""
    return path.with_name(f"{path.name}.sha256")


def recorded_sha256(path: Path) -> str:
    """SHA-256 recorded for a file, in hex; empty where none is."""
    try:
        text = record_of(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    match = re.match(r"[0-9a-f]{64}(?=\s)", text)
    return match.group() if match else ""


def record_sha256(path: Path, digest: str) -> None:
    """Record a file's SHA-256.

    Raises:
        OSError: the record cannot be written.
    """
    write_file(record_of(path), f"{digest}  {path.name}\n")
