"""Where downloaded networks lie: `$OCDRNET_CACHE/networks/<model>/<version>/`, shared by all networks of a version."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ocdrnet_deploy.errors import DownloadError
from ocdrnet_deploy.machine.cache import cache_folder
from ocdrnet_deploy.networks.catalog import NgcFile
from ocdrnet_deploy.ngc.checksums import recorded_sha256
from ocdrnet_deploy.repository.files import write_file

CHARACTER_LIST = "character_list"

# Which file of a version was chosen, where the catalog names none or the user took another than it names.
_CHOSEN = "weights-file"


def version_folder(source: NgcFile) -> Path:
    """Folder of a model version in the cache; it need not exist."""
    return cache_folder() / "networks" / source.model / source.version


def cached_file(source: NgcFile, name: str) -> Path:
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


def weights_name(source: NgcFile) -> str:
    """File name of the weights: the one chosen at the download, else the catalog's, which may be empty."""
    try:
        return _choice(source).read_text(encoding="utf-8").strip() or source.file
    except OSError:
        return source.file


def choose_weights(source: NgcFile, name: str) -> None:
    """Remember which file of a version holds the weights, where that is another than the catalog says.

    Raises:
        OSError: the cache cannot be written.
    """
    if name != weights_name(source):
        write_file(_choice(source), f"{name}\n")


def _choice(source: NgcFile) -> Path:
    """Where the choice is remembered: two networks of the catalog may be files of one version."""
    return version_folder(source) / (f"{_CHOSEN}.{source.file}" if source.file else _CHOSEN)


def cached_weights(source: NgcFile) -> Path | None:
    """The weights in the cache, unchecked; None where they were not downloaded to the end."""
    name = weights_name(source)
    path = cached_file(source, name) if name else None
    return path if path and is_complete(path) else None


def cached_character_list(source: NgcFile) -> Path | None:
    """The version's own list of characters; None where the version has none or was not downloaded."""
    path = version_folder(source) / CHARACTER_LIST
    return path if is_complete(path) else None
