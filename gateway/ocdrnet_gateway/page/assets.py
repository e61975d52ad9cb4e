"""The page's files, carried in the package, with their types and their tags for caches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FOLDER = Path(__file__).parent / "static"
# Not by the mimetypes module, which asks the machine: a module script of a wrong type is not run.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}


@dataclass(frozen=True)
class Asset:
    """One file.

    Attributes:
        content: its bytes.
        media_type: for `content-type`.
        etag: changes with the content.
    """

    content: bytes = field(repr=False)
    media_type: str
    etag: str


def load_assets(folder: Path = _FOLDER) -> Mapping[str, Asset]:
    """Every file that the page is made of, by its path below `/page/`; about half a megabyte.

    What is not in here is not served, so no path can lead out of the folder.
    """
    return dict(_assets(folder))


def _assets(folder: Path) -> Iterator[tuple[str, Asset]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TYPES:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            yield path.relative_to(folder).as_posix(), Asset(content, _TYPES[path.suffix], etag)
