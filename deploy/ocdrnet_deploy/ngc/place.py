"""A whole file into the cache: only with the bytes it must have, and under its name in one step."""

from __future__ import annotations

from pathlib import Path

from ocdrnet_deploy.errors import ChecksumError
from ocdrnet_deploy.ngc.checksums import record_of, record_sha256, recorded_sha256, sha256_of
from ocdrnet_deploy.ngc.partial import PartialFile

# First bytes of an ONNX file: fields 1 to 8 of its ModelProto, as a number or with a length (protobuf's encoding).
_ONNX_FIRST_BYTES = {number << 3 | wire for number in range(1, 9) for wire in (0, 2)}


def place_checked(partial: PartialFile, final: Path, sha256: str = "", *, network: bool) -> None:
    """Check a received file, record its SHA-256 the first time, and rename it into place.

    Args:
        partial: the whole file; removed if it is refused.
        final: its place.
        sha256: that the catalog expects, in hex; where empty, the one recorded at an earlier download.
        network: whether it must be an ONNX file.

    Raises:
        ChecksumError: it is another file than expected.
        OSError: the disk cannot be written.
    """
    found = sha256_of(partial.path)
    expected = sha256 or recorded_sha256(final)
    if expected and found != expected:
        partial.discard()
        raise ChecksumError(
            f"{final.name} was received with SHA-256 {found}, expected is {expected}. It was not kept. If the file "
            f"was published anew, and you trust it, remove {record_of(final)}"
        )
    if network and not _is_onnx(partial.path):
        partial.discard()
        raise ChecksumError(f"what was received as {final.name} is no ONNX file. Is a proxy or login page in between?")
    # The record first: a file in place without one would look unfinished, a record without its file does no harm.
    record_sha256(final, found)
    partial.place(final)


def _is_onnx(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.read(1)
    return bool(first) and first[0] in _ONNX_FIRST_BYTES
