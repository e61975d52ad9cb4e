"""What other programs make of a searchable PDF.

Words by PDFium and poppler at our boxes, pixels, validity by qpdf and by OCRmyPDF.
"""

from __future__ import annotations

import ctypes
import html
import re
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pypdfium2
from pypdfium2 import raw as pdfium

from ocdrnet_client.results import Page

Rectangle: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the page as read
Found: TypeAlias = tuple[str, Rectangle]
LEAST_OVERLAP = 0.7
_CHINESE = r"[\u3400-\u9fff]"


def words_by_pdfium(page: Any, width: int, height: int) -> list[Found]:  # noqa: ANN401 -- pypdfium2 has no types
    """The words of a page, parted by blanks, and the rectangles around their characters."""
    text = page.get_textpage()
    words: list[tuple[str, list[tuple[float, float]]]] = [("", [])]
    for index in range(text.count_chars()):
        character = chr(pdfium.FPDFText_GetUnicode(text, index))
        if character.isspace():
            words.append(("", []))
            continue
        left, bottom, right, top = text.get_charbox(index)
        corners = [_in_pixels(page, x, y, width, height) for x in (left, right) for y in (bottom, top)]
        words[-1] = (words[-1][0] + character, words[-1][1] + corners)
    return [(word, _around(corners)) for word, corners in words if word]


def _in_pixels(page: Any, x: float, y: float, width: int, height: int) -> tuple[float, float]:  # noqa: ANN401
    # As PDFium draws; a thousand times as fine, for it answers in whole numbers.
    at_x, at_y = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, width * 1000, height * 1000, 0, x, y, at_x, at_y)
    return at_x.value / 1000, at_y.value / 1000


def words_by_poppler(data: bytes, sizes: Sequence[tuple[int, int]], password: str = "") -> list[list[Found]]:
    """Likewise by `pdftotext -bbox`, for each page.

    Args:
        data: the PDF.
        sizes: of the pages as read, in pixels.
        password: of an encrypted one.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "asked.pdf")
        path.write_bytes(data)
        command = ["pdftotext", "-bbox", "-cropbox", *(("-upw", password) if password else ()), path, "-"]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    pages = []
    for part, (across, down) in zip(said.split("<page ")[1:], sizes, strict=True):
        match = re.match(r'width="(.+?)" height="(.+?)"', part)
        assert match, "pdftotext gives each page's sides"
        width, height = float(match[1]), float(match[2])
        if (width < height) != (across < down):  # it says them before the page is turned
            width, height = height, width
        found = re.findall(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)</word>', part)
        pages.append(
            [
                (
                    html.unescape(word),
                    (
                        float(left) * across / width,
                        float(top) * down / height,
                        float(right) * across / width,
                        float(bottom) * down / height,
                    ),
                )
                for left, top, right, bottom, word in found
            ]
        )
    return pages


def count_found(page: Page, found: Iterable[Found]) -> tuple[int, int]:
    """How many of a page's words another program finds as they are, at a rectangle that overlaps by 0.7 or more.

    Returns:
        Those found, and all.
    """
    places = defaultdict(list)
    for word, rectangle in found:
        places[_plain(word)].append(rectangle)
    words = [(text, _around(word.box)) for line in page.lines for word in line.words if (text := _plain(word.text))]
    hits = sum(any(_overlap(rectangle, other) >= LEAST_OVERLAP for other in places[text]) for text, rectangle in words)
    return hits, len(words)


def share_right(truth: Sequence[str], text: str) -> tuple[int, int]:
    """How many of the words that stand on a page are in a text, in any order, and all; Chinese by characters."""
    wanted, read = Counter(_parts(" ".join(truth))), Counter(_parts(text))
    return (wanted & read).total(), wanted.total()


def _parts(text: str) -> list[str]:
    return re.findall(rf"{_CHINESE}|[^\s\u3400-\u9fff]+", text)


def same_pixels(one: bytes, other: bytes, password: str = "", dpi: float = 50) -> bool:
    """Whether all pages of two PDFs look the same to the last level of grey."""
    with (
        pypdfium2.PdfDocument(one, password=password or None) as first,
        pypdfium2.PdfDocument(other, password=password or None) as second,
    ):
        for document in (first, second):
            document.init_forms()
        return len(first) == len(second) and all(
            np.array_equal(*(page.render(scale=dpi / 72).to_numpy() for page in pair))
            for pair in zip(first, second, strict=True)
        )


def complaints(data: bytes, password: str = "") -> str:
    """What `qpdf --check` says against a PDF; nothing if it is valid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "asked.pdf")
        path.write_bytes(data)
        command = ["qpdf", *((f"--password={password}",) if password else ()), "--check", path]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stderr.replace(str(path), "the PDF").strip()


_OUTCOMES = {  # https://ocrmypdf.readthedocs.io/en/latest/advanced.html#return-code-policy
    2: "it cannot be read as a PDF",
    4: "the PDF made of it is not valid",
    8: "it is encrypted",
}


def ocrmypdf_complaints(data: bytes) -> str:
    """What OCRmyPDF says against a PDF; nothing if it passes its check, and so does the PDF that it makes of it.

    It leaves out every page that holds text, so it must read none.
    """
    from ocrmypdf.helpers import check_pdf  # noqa: PLC0415 -- Python 3.11, and of use here alone

    with tempfile.TemporaryDirectory() as folder:
        path, written = Path(folder, "asked.pdf"), Path(folder, "written.pdf")
        path.write_bytes(data)
        program = [sys.executable, "-m", "ocrmypdf", "--quiet", "--jobs", "1"]
        command = [*program, "--skip-text", "--output-type", "pdf", str(path), str(written)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            return _OUTCOMES.get(done.returncode, f"{done.returncode}: {last}")
        return "" if check_pdf(path) else "it is not valid"


def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", re.sub(r"\s+", "", word))


def _around(corners: Iterable[Sequence[float]]) -> Rectangle:
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _overlap(one: Rectangle, other: Rectangle) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    whole = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (whole - shared)
