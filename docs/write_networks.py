"""Write the table of docs/nvidia-networks.md from the catalog: `make docs`."""

from __future__ import annotations

import re
from pathlib import Path

from ocdrnet_deploy.catalog.catalog import CatalogEntry, NgcFile, catalog

PAGE = Path(__file__).parent / "nvidia-networks.md"
_BEGIN = "<!-- versions: written by `make docs` from the catalog -->\n"
_END = "<!-- end of versions -->"
_DETECTORS = """\
| name | NGC version | file | backbone, data | hmean | largest batch | thresholds: binarize, box |
|---|---|---|---|---|---|---|
"""
_RECOGNIZERS = """\
| name | NGC version | file | backbone | input | steps | decoder | characters |
|---|---|---|---|---|---|---|---|
"""


def networks_page(page: str) -> str:
    """The page with the tables that the catalog makes.

    Raises:
        ValueError: it has no place for them.
    """
    pattern = re.escape(_BEGIN) + ".*?" + re.escape(_END)
    written, places = re.subn(pattern, lambda _: _BEGIN + _tables() + _END, page, flags=re.DOTALL)
    if places != 1:
        raise ValueError(f"{PAGE.name} must hold the two marks around its tables once")
    return written


def _tables() -> str:
    entries = [entry for entry in catalog() if isinstance(entry.source, NgcFile)]
    detectors = [_detector(entry) for entry in entries if entry.description.kind == "detector"]
    recognizers = [_recognizer(entry) for entry in entries if entry.description.kind == "recognizer"]
    return f"\n{_DETECTORS}{''.join(detectors)}\n{_RECOGNIZERS}{''.join(recognizers)}\n"


def _detector(entry: CatalogEntry) -> str:
    card = entry.description.card
    thresholds = f"{card['binarize_threshold']}, {card['box_threshold']}"
    batch = str(entry.description.max_batch or "as memory allows")
    quality = entry.published_quality.removeprefix("hmean ")
    return _row(*_place(entry), f"{entry.backbone}; {entry.training_data}", quality, batch, thresholds)


def _recognizer(entry: CatalogEntry) -> str:
    card = entry.description.card
    size = f"{card['height']} x {card['width']}"
    decoder = {"ctc": "CTC, blank 0", "attention": "attention"}[card["decoder"]]
    return _row(*_place(entry), entry.backbone, size, card["time_steps"], decoder, len(card["characters"]))


def _place(entry: CatalogEntry) -> tuple[str, str, str]:
    source = entry.source
    assert isinstance(source, NgcFile)
    return f"`{entry.name}`", source.version, f"`{source.file}`" if source.file else "listed from NGC"


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(networks_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
