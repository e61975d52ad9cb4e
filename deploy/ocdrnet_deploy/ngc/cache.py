"""The cache of downloaded networks, and the licence that the user accepted for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath

from ocdrnet_deploy.catalog.catalog import CatalogEntry, DownloadedFile, NgcFile
from ocdrnet_deploy.errors import DownloadError, EulaError
from ocdrnet_deploy.files import recorded_sha256, write_file
from ocdrnet_deploy.machine.cache import cache_folder

CHARACTER_LIST = "character_list"

# Which file of a version was chosen, where the catalog names none or the user took another than it names.
_CHOSEN = "weights-file"


def version_folder(source: DownloadedFile) -> Path:
    """Folder of a model version in the cache; it need not exist."""
    return cache_folder() / "networks" / source.model / source.version


def cached_file(source: DownloadedFile, name: str) -> Path:
    """Place of a version's file in the cache; it need not exist.

    Raises:
        DownloadError: the name leads out of the version's folder.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or not name.isprintable():
        raise DownloadError(f"{name!r} is no name of a file in {source.model}:{source.version}")
    return version_folder(source) / path


def is_complete(path: Path) -> bool:
    """Whether a file was downloaded to its end; its checksum is recorded only then."""
    return path.is_file() and bool(recorded_sha256(path))


def weights_name(source: DownloadedFile) -> str:
    """File name of the weights: the one chosen at the download, else the catalog's, which may be empty."""
    try:
        return _choice(source).read_text(encoding="utf-8").strip() or source.file
    except OSError:
        return source.file


def choose_weights(source: DownloadedFile, name: str) -> None:
    """Remember which file of a version holds the weights, where that is another than the catalog says.

    Raises:
        OSError: the cache cannot be written.
    """
    if name != weights_name(source):
        write_file(_choice(source), f"{name}\n")


def _choice(source: DownloadedFile) -> Path:
    """Where the choice is remembered: two networks of the catalog may be files of one version."""
    return version_folder(source) / (f"{_CHOSEN}.{source.file}" if source.file else _CHOSEN)


def cached_weights(source: DownloadedFile) -> Path | None:
    """The weights in the cache, unchecked; None where they were not downloaded to the end."""
    name = weights_name(source)
    path = cached_file(source, name) if name else None
    return path if path and is_complete(path) else None


def cached_character_list(source: DownloadedFile) -> Path | None:
    """The version's own list of characters; None where the version has none or was not downloaded."""
    path = version_folder(source) / CHARACTER_LIST
    return path if is_complete(path) else None


FLAG = "--accept-eula"
VARIABLE = "OCDRNET_ACCEPT_NVIDIA_EULA"
RECORD = "accepted-license.json"


def terms_page(source: NgcFile) -> str:
    """The model's page on NGC, which names its licence."""
    organization, team, name = source.model.split("/")
    return f"https://catalog.ngc.nvidia.com/orgs/{organization}/teams/{team}/models/{name}"


def acceptance(*, flag: bool, environment: Mapping[str, str]) -> str:
    """How the user accepted: the flag's or the variable's name; empty where they did not."""
    if flag:
        return FLAG
    value = environment.get(VARIABLE, "").strip().lower()
    return VARIABLE if value in ("1", "true", "yes", "y") else ""


def require_acceptance(entry: CatalogEntry, source: DownloadedFile, accepted_by: str) -> None:
    """Record that the user accepts NVIDIA's licence of a version, unless a record is there already.

    Args:
        entry: the network to be downloaded.
        source: its place; a file that is not NVIDIA's has a licence that asks for nothing.
        accepted_by: from `acceptance`.

    Raises:
        EulaError: it is not accepted, now or before.
        OSError: the cache cannot be written.
    """
    if not isinstance(source, NgcFile):
        return
    record = version_folder(source) / RECORD
    if record.is_file():
        return
    if not accepted_by:
        raise EulaError(
            f"{entry.name} is NVIDIA's, under the {entry.license}. Read it at {terms_page(source)} and, "
            f"if you accept it, add {FLAG} or set {VARIABLE}=1"
        )
    fields = {
        "license": entry.license,
        "terms": terms_page(source),
        "model": source.model,
        "version": source.version,
        "accepted_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "accepted_by": accepted_by,
    }
    write_file(record, json.dumps(fields, indent=1) + "\n")
