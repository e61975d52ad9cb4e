"""A network's files from a disk, for sites that cannot reach NGC or another host."""

from __future__ import annotations

import shutil
from pathlib import Path

from ocdrnet_deploy.catalog.catalog import CatalogEntry, DownloadedFile
from ocdrnet_deploy.catalog.description import Kind
from ocdrnet_deploy.errors import ChecksumError, DownloadError, FileChoiceError, NetworkError
from ocdrnet_deploy.files import file_lock, recorded_sha256, sha256_of
from ocdrnet_deploy.networks.find import load_graph
from ocdrnet_deploy.networks.propose import propose_description
from ocdrnet_deploy.ngc.cache import (
    CHARACTER_LIST,
    cached_file,
    choose_weights,
    is_complete,
    require_acceptance,
    weights_name,
)
from ocdrnet_deploy.ngc.fetch import cache_errors
from ocdrnet_deploy.ngc.receive import PartialFile, place_checked


def fetch_local(entry: CatalogEntry, source: DownloadedFile, origin: Path, *, accepted_by: str, file: str = "") -> Path:
    """Copy a network's weights, and the character list beside them, into the cache.

    Args:
        entry: the network.
        source: its place, `entry.source`.
        origin: the weights file, or a folder: the version's own, one that `ngc registry model download-version` was
            run in, or another machine's cache.
        accepted_by: how the user accepted the licence, from `ngc.cache.acceptance`; empty where they did not.
        file: which file of the folder to take, where the catalog does not say and there are several.

    Returns:
        Path of the weights in the cache.

    Raises:
        DownloadError: a kind of it for each reason.
    """
    weights = _weights_in(source, origin, file) if origin.is_dir() else origin
    if not weights.is_file():
        raise DownloadError(f"there is no file {weights}")
    _check_kind(entry, weights)
    name = file or weights_name(source) or weights.name
    with cache_errors(source):
        require_acceptance(entry, source, accepted_by)
        characters = weights.with_name(CHARACTER_LIST)
        if entry.description.kind == "recognizer" and characters.is_file():
            _copy(characters, cached_file(source, CHARACTER_LIST))
        path = cached_file(source, name)
        _copy(weights, path, entry.sha256, network=True)
        choose_weights(source, name)
        return path


def kind_of(weights: Path) -> Kind | None:
    """Whether a file is a detector or a recognizer; None where it is neither."""
    try:
        return propose_description(load_graph(weights)).description.kind
    except NetworkError:
        return None


def _check_kind(entry: CatalogEntry, weights: Path) -> None:
    """Refuse a recognizer's file for a detector, and the other way round; what is no network is refused later."""
    kind, found = entry.description.kind, kind_of(weights)
    if found not in (None, kind):
        raise DownloadError(f"{weights} is a {found}; {entry.name} is a {kind}. Give the {kind}'s file")


def _copy(origin: Path, final: Path, sha256: str = "", *, network: bool = False) -> None:
    _check_against_its_record(origin)
    with file_lock(final.with_name(f".{final.name}.lock")):
        if is_complete(final) and sha256_of(final) == sha256_of(origin):
            return
        partial = PartialFile(final)
        partial.discard()
        partial.check_room(origin.stat().st_size)
        shutil.copyfile(origin, partial.path)
        place_checked(partial, final, sha256, network=network)


def _check_against_its_record(origin: Path) -> None:
    """Another machine's cache says what its files must be."""
    expected = recorded_sha256(origin)
    try:
        found = sha256_of(origin)
    except OSError as error:  # not the cache's fault, which is what any later one would be taken for
        raise DownloadError(f"{origin} cannot be read: {error.strerror}") from None
    if expected and found != expected:
        raise ChecksumError(f"{origin} has not the SHA-256 that stands in {origin.name}.sha256; copy it anew")


def _weights_in(source: DownloadedFile, folder: Path, file: str) -> Path:
    name = file or weights_name(source)
    for place in _places(source, folder):
        if name and (place / name).is_file():
            return place / name
        networks = sorted(place.glob("*.onnx"))
        if not name and len(networks) == 1:
            return networks[0]
        if not name and networks:
            found = ", ".join(path.name for path in networks)
            raise FileChoiceError(f"{place} holds {found}; choose one with --file NAME")
    looked = ", ".join(str(place) for place in _places(source, folder))
    raise DownloadError(f"{name or 'an ONNX file'} is in none of {looked}")


def _places(source: DownloadedFile, folder: Path) -> list[Path]:
    """Where a version's files may lie under a folder."""
    model = source.model.rsplit("/", 1)[-1]
    return [
        folder / f"{model}_v{source.version}",
        folder / source.model / source.version,
        folder / "networks" / source.model / source.version,
        folder,
    ]
