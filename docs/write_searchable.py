"""Draws `docs/images/searchable-pdf.jpg`: `python -m docs.write_searchable build/repository`.

Left a drawn scan, right the searchable PDF that is made of it, with its invisible words made visible: those that PDFium
finds there, written at their places.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pypdfium2
from PIL import Image, ImageDraw, ImageFont

from benchmarks.document_checks import words_by_pdfium
from benchmarks.document_corpus import corpus
from benchmarks.in_process import open_pair, read_in_process
from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.opened import OpenDocument
from ocdrnet_client.results import Box, Line, Page, Word
from ocdrnet_ops.answer.lines import Lines

PICTURE = Path(__file__).with_name("images") / "searchable-pdf.jpg"
_NAME = "table-turned-3"
_CROP = (90, 60, 1320, 640)  # of the page at 200 dpi
_WIDTH = 640  # of each half
_SELECTED, _TEXT = (176, 206, 255), (0, 40, 120)


def draw(repository: Path) -> Image.Image:
    """The two halves, by the networks of a served repository."""
    (document,) = (each for each in corpus() if each.name == _NAME)
    with OpenDocument(document.draw()[0]) as opened:
        image = opened.draw(1).image
        read = read_in_process(image, open_pair(repository))
        scan = Image.open(io.BytesIO(image)).convert("RGB")
        written = opened.searchable([DocumentPage(1, _page(read.lines, *scan.size))])
    with pypdfium2.PdfDocument(written) as pdf:
        words = words_by_pdfium(pdf[0], *scan.size)
    selected = Image.blend(scan, Image.new("RGB", scan.size, "white"), 0.75)
    pencil = ImageDraw.Draw(selected)
    for text, (left, top, right, bottom) in words:
        pencil.rectangle((left, top, right, bottom), _SELECTED)
        size = (bottom - top) * 0.72
        width = ImageFont.load_default(size).getlength(text)
        font = ImageFont.load_default(size * min(1.0, (right - left) / width))
        pencil.text(((left + right) / 2, (top + bottom) / 2), text, _TEXT, font, anchor="mm")
    height = round(_WIDTH * (_CROP[3] - _CROP[1]) / (_CROP[2] - _CROP[0]))
    both = Image.new("RGB", (2 * _WIDTH + 12, height), "gray")
    for at, half in enumerate((scan, selected)):
        both.paste(half.crop(_CROP).resize((_WIDTH, height), Image.Resampling.LANCZOS), (at * (_WIDTH + 12), 0))
    return both


def _page(found: Lines, width: int, height: int) -> Page:
    words = [Word(text, 1.0, _box(box)) for text, box in zip(found.word_texts, found.word_boxes, strict=True)]
    lines = [
        Line(
            text,
            1.0,
            _box(box),
            1.0,
            tuple(word for word, at in zip(words, found.word_lines, strict=True) if at == index),
        )
        for index, (text, box) in enumerate(zip(found.texts, found.boxes, strict=True))
    ]
    return Page(width, height, tuple(lines))


def _box(corners: npt.NDArray[np.float32]) -> Box:
    return cast(Box, tuple((float(x), float(y)) for x, y in corners))


if __name__ == "__main__":
    draw(Path(sys.argv[1])).save(PICTURE, quality=70, optimize=True)
