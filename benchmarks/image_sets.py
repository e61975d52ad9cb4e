"""The images that are read: street photos, receipts, a dense page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
EVALUATION = ROOT.parent / "shared" / "eval"
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif")
DENSE_REPEATS = 4  # so that several requests can be in flight

FOLDERS = {
    "photos": EVALUATION / "icdar2015-dev" / "images",
    "receipts": EVALUATION / "sroie-dev" / "images",
}
SETS = (*FOLDERS, "dense")


@dataclass(frozen=True)
class ImageSet:
    """Pictures of one kind.

    Attributes:
        name: of the kind.
        source: the folder or file that they come from.
        images: encoded files.
    """

    name: str
    source: str
    images: tuple[bytes, ...]


def load_set(name: str, limit: int | None = None, folder: Path | None = None) -> ImageSet:
    """Pictures of a set.

    Args:
        name: one of `SETS`; `dense` is the drawn sample page of over 250 lines, several times.
        limit: images at most.
        folder: images of one's own instead.

    Raises:
        SystemExit: the set's folder is not here, or holds no images.
    """
    if name == "dense" and folder is None:
        page = (SAMPLES / "page.png").read_bytes()
        return ImageSet(name, "samples/page.png", (page,) * min(DENSE_REPEATS, limit or DENSE_REPEATS))
    where = folder or FOLDERS[name]
    if not where.is_dir():
        raise SystemExit(f"the images of {name!r} are not here ({where}); name a folder with --images")
    files = sorted(path for path in where.iterdir() if path.suffix.lower() in SUFFIXES)[:limit]
    if not files:
        raise SystemExit(f"no images in {where}")
    source = where.parent.name if where.name == "images" else where.name
    return ImageSet(name, source, tuple(path.read_bytes() for path in files))
