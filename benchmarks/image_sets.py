"""The images that are read, with what stands on them: photos, receipts, a dense page, crops of text, an A0 scan."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.drawn_images import DrawnText, drawn_crops, drawn_plan
from ocdrnet_evaluation.datasets import LAYOUTS, LINE, Region, load_dataset

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
EVALUATION = Path(os.environ.get("OCDRNET_EVAL", ROOT.parent / "shared" / "eval"))
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif")

FOLDERS = {
    "photos": EVALUATION / "icdar2015-dev" / "images",
    "receipts": EVALUATION / "sroie-dev" / "images",
}
TRUTH = {"photos": LAYOUTS["icdar2015"], "receipts": LAYOUTS["sroie"]}
SETS = (*FOLDERS, "dense", "crops", "a0")
TIMED = {"photos": 20, "receipts": 8, "dense": 1, "crops": 16, "a0": 1}  # images of a round


@dataclass(frozen=True)
class ImageSet:
    """Pictures of one kind.

    Attributes:
        name: of the kind.
        source: the folder or file that they come from.
        images: encoded files.
        truths: what stands on each; empty where that is not known.
        level: what a truth's regions are, `word` or `line`.
    """

    name: str
    source: str
    images: tuple[bytes, ...]
    truths: tuple[tuple[Region, ...], ...] = ()
    level: str = LINE

    @property
    def timed(self) -> tuple[bytes, ...]:
        """Images of a round, evenly from all: the slowest readers take minutes for all."""
        count = min(TIMED.get(self.name, len(self.images)), len(self.images))
        return tuple(self.images[index * len(self.images) // count] for index in range(count))


def load_set(name: str, limit: int | None = None, folder: Path | None = None) -> ImageSet:
    """Pictures of a set.

    Args:
        name: one of `SETS`; `dense` is the drawn sample page of over 250 lines.
        limit: images at most.
        folder: images of one's own instead, without truth.

    Raises:
        SystemExit: the set's folder is not here, or holds no images.
    """
    if folder is None and name not in FOLDERS:
        return _drawn(name, limit)
    where = folder or FOLDERS[name]
    if not where.is_dir():
        raise SystemExit(f"the images of {name!r} are not here ({where}); name a folder with --images")
    files = sorted(path for path in where.iterdir() if path.suffix.lower() in SUFFIXES)[:limit]
    if not files:
        raise SystemExit(f"no images in {where}")
    source = where.parent.name if where.name == "images" else where.name
    images = tuple(path.read_bytes() for path in files)
    if folder is not None or not (where.parent / "truth").is_dir():
        return ImageSet(name, source, images)
    truths = {case.image: case.regions for case in load_dataset(TRUTH[name], where, where.parent / "truth").cases}
    return ImageSet(name, source, images, tuple(truths[path] for path in files), TRUTH[name].level)


def _drawn(name: str, limit: int | None) -> ImageSet:
    if name == "dense":
        told = json.loads((SAMPLES / "page.json").read_text(encoding="utf-8"))["lines"]
        truth = tuple(Region(line["text"], tuple((x, y) for x, y in line["box"])) for line in told)
        return ImageSet(name, "samples/page.png", ((SAMPLES / "page.png").read_bytes(),), (truth,))
    if name == "crops":
        crops = drawn_crops()[:limit]
        truths = tuple(_regions(texts) for _, texts in crops)
        return ImageSet(name, "drawn crops of 16 heights, 16 to 100 pixels", tuple(crop for crop, _ in crops), truths)
    plan, texts = drawn_plan()
    return ImageSet(name, "a drawn plan of A0 at 150 dpi, 4967 x 7022 pixels", (plan,), (_regions(texts),))


def _regions(texts: Sequence[DrawnText]) -> tuple[Region, ...]:
    return tuple(Region(text, ((x0, y0), (x1, y0), (x1, y1), (x0, y1))) for text, (x0, y0, x1, y1) in texts)
