"""Forty PDFs as people send them, drawn by reportlab, with the words that stand on their pages: no file from elsewhere.

`python -m benchmarks.document_corpus FOLDER` writes them: NAME.pdf, and NAME.json with the words of each page in their
order, and the password if there is one. The same seed draws the same pages.

A page is drawn as text; a scan of it is what PDFium draws of that, with noise, turned by some degrees, and compressed
as scanners do it: JPEG, or fax group 4.
"""

from __future__ import annotations

import argparse
import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import img2pdf
import pikepdf
import pypdfium2
from PIL import Image, ImageChops
from reportlab.lib.colors import Color
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

Size: TypeAlias = tuple[float, float]  # points
A4, A0 = (595.0, 842.0), (2384.0, 3370.0)
LONG = 500  # pages
PASSWORD = "let me in"
_WORDS = """
account address after agreement amount annual article balance bank before between board branch budget
building business calendar capital carbon center certificate charge city clause client closed company condition contract
copper council country course customer date deadline delivery deposit design device district document draft economy
energy engine estimate evening factory family figure final finance forest form freight garden general glass harbor
health history hotel import income industry insurance interest invoice journal kitchen ladder language ledger letter
library license list machine manager margin market measure member message method minute model morning network notice
number office order origin package paper parcel partner payment period permit person plan plant policy port price
printer process product profit project public purchase quality quantity quarter railway rate receipt record region
report request result river road sample schedule school season section service shipment signature station statement
storage street summer supply system table tax term ticket title total trade travel union valley value vessel village
volume warehouse water weather weight window winter witness worker yard year zone
"""
_WORD_LIST = _WORDS.split()
_CHINESE = "中国人民银行今天上海北京城市大学经济发展工业技术公司合同金额日期地址电话姓名产品质量服务标准时间方法问题"
_CHINESE_FONT = "STSong-Light"


class Sheet:
    """A page to draw on, which remembers the words."""

    def __init__(self, paper: Canvas, size: Size, chance: random.Random) -> None:
        self.paper, self.size, self.chance = paper, size, chance
        self.words: list[str] = []

    def text(self, x: float, y: float, text: str, size: float = 11, font: str = "Helvetica") -> None:
        """A piece of a line; y from the top, of the baseline."""
        self.paper.setFont(font, size)
        self.paper.drawString(x, self.size[1] - y, text)
        self.words += text.split()

    def sentence(self, width: float, size: float, font: str = "Helvetica") -> str:
        """As many words as fit in a line."""
        words: list[str] = []
        while True:
            word = str(self.chance.randint(2, 9999)) if self.chance.random() < 0.1 else self.chance.choice(_WORD_LIST)
            if pdfmetrics.stringWidth(" ".join([*words, word]), font, size) > width:
                return " ".join(words)
            words.append(word)


Layout: TypeAlias = Callable[[Sheet], None]


def letter(sheet: Sheet, size: float = 11, lines: int = 36) -> None:
    """A heading and one column."""
    sheet.text(72, 80, sheet.sentence(300, size * 1.6).title(), size * 1.6, "Helvetica-Bold")
    for row in range(lines):
        sheet.text(72, 120 + row * size * 1.6, sheet.sentence(450, size), size)


def columns(sheet: Sheet) -> None:
    """Two of them."""
    for left in (60.0, 312.0):
        for row in range(44):
            sheet.text(left, 90 + row * 15, sheet.sentence(225, 10, "Times-Roman"), 10, "Times-Roman")


def table(sheet: Sheet) -> None:
    """Ruled, six by twenty."""
    width, height = sheet.size
    across = (width - 120) / 6
    sheet.text(60, 70, "Statement of deliveries", 15, "Helvetica-Bold")
    for row in range(21):
        y = 95 + row * (height - 180) / 21
        sheet.paper.line(60, height - y, width - 60, height - y)
        for column in range(6):
            if row and column > 2:
                cell = f"{sheet.chance.randint(10, 99999)}.{sheet.chance.randint(10, 99)}"
            else:
                cell = sheet.chance.choice(_WORD_LIST)
            sheet.text(66 + column * across, y + 17, cell, 10, "Helvetica" if row else "Helvetica-Bold")
    for column in range(7):
        sheet.paper.line(60 + column * across, height - 95, 60 + column * across, 85)


def form(sheet: Sheet) -> None:
    """Fields that are filled in."""
    sheet.text(72, 80, "Application for a storage permit", 16, "Helvetica-Bold")
    for row, name in enumerate(("Company", "Address", "City", "Deposit", "Period", "Contract number", "Signature")):
        y = 140 + row * 60
        sheet.text(72, y, name, 11)
        value = sheet.sentence(220, 12)
        sheet.paper.acroForm.textfield(
            name=name, value=value, x=200, y=sheet.size[1] - y - 6, width=300, height=22, fontSize=12, borderWidth=1
        )
        sheet.words += value.split()


def poster(sheet: Sheet) -> None:
    """Large type on a large sheet."""
    for row, size in enumerate((190, 120, 90, 90, 64, 64, 64, 48, 48, 48, 48)):
        sheet.text(200, 400 + row * 250, sheet.sentence(1900, size), size, "Helvetica-Bold")


def chinese(sheet: Sheet) -> None:
    """One column; PDFium takes the font from the machine."""
    pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE_FONT))
    for row in range(26):
        sheet.text(72, 100 + row * 24, "".join(sheet.chance.choices(_CHINESE, k=28)), 15, _CHINESE_FONT)


def lying(sheet: Sheet, degrees: int) -> None:
    """A letter that was put into the scanner askew: its words run down, up, or from right to left."""
    width, height = sheet.size
    sheet.paper.translate(*{90: (0, height), 180: (width, height), 270: (width, 0)}[degrees])
    sheet.paper.rotate(-degrees)
    sheet.size = sheet.size if degrees == 180 else (height, width)
    for row in range(26):
        sheet.text(72, 80 + row * 18, sheet.sentence(430, 11), 11)


def half_scanned(sheet: Sheet) -> None:
    """Text above, an image of text below."""
    for row in range(14):
        sheet.text(72, 80 + row * 18, sheet.sentence(430, 11), 11)
    below, words = _drawn(partial(letter, lines=19), (595.0, 480.0), sheet.chance.random())
    sheet.paper.drawInlineImage(_seen(below, 200).convert("RGB"), 72, 60, 451, 364)
    sheet.words += words


def former_text(sheet: Sheet) -> None:
    """What a poor reader left: invisible and wrong, to be laid over a scan."""
    text = sheet.paper.beginText(72, 740)
    text.setFont("Helvetica", 11, 18)
    text.setTextRenderMode(3)
    for _ in range(36):
        text.textLine("".join(sheet.chance.choices("il1|tfj;:.,", k=60)))
    sheet.paper.drawText(text)


@dataclass(frozen=True)
class Scan:
    """How a page was scanned.

    Attributes:
        dpi: dots per inch.
        mode: gray, colour, or black and white.
        degrees: clockwise, by which the sheet lay askew.
        quality: of the JPEG; black and white is fax group 4.
        noise: standard deviation of the levels, of 255.
    """

    dpi: int = 200
    mode: Literal["L", "RGB", "1"] = "L"
    degrees: float = 0
    quality: int = 80
    noise: float = 8


@dataclass(frozen=True)
class DrawnDocument:
    """One PDF of the corpus.

    Attributes:
        name: of the file, without suffix.
        pages: layout and scan of each; a page without a scan is born digital.
        size: of the pages, in points.
        finish: what is done to the PDF at last.
        password: which opens it.
        is_refused: whether no program can read it.
    """

    name: str
    pages: tuple[tuple[Layout, Scan | None], ...]
    size: Size = A4
    finish: Callable[[pikepdf.Pdf], bytes] = field(default=lambda pdf: _saved(pdf))  # noqa: PLW0108 -- defined below
    password: str = ""
    is_refused: bool = False

    def draw(self, seed: int = 1) -> tuple[bytes, list[list[str]]]:
        """The PDF, and the words of each page."""
        with pikepdf.new() as whole:
            words = []
            for number, (layout, scan) in enumerate(self.pages):
                page, said = _drawn(layout, self.size, f"{seed} {self.name} {number}")
                words.append(said)
                if scan:
                    page = _scanned(page, scan, random.Random(f"{seed} {number}"))
                with pikepdf.open(io.BytesIO(page)) as single:
                    whole.add_pages_from(single)
            return self.finish(whole), words


def corpus() -> Iterator[DrawnDocument]:
    """The forty."""
    gray, fax = Scan(), Scan(204, "1", noise=0)
    yield DrawnDocument("letter-born", ((letter, None), (letter, None)))
    yield DrawnDocument("letter-gray", ((letter, gray), (letter, gray)))
    yield DrawnDocument("letter-colour", ((letter, Scan(mode="RGB")),))
    yield DrawnDocument("letter-100dpi", ((letter, Scan(100)),))
    yield DrawnDocument("letter-150dpi", ((letter, Scan(150)),))
    yield DrawnDocument("letter-300dpi", ((letter, Scan(300)),))
    yield DrawnDocument("letter-small-type", ((partial(letter, size=7, lines=56), Scan(300)),))
    yield DrawnDocument("letter-poor-jpeg", ((letter, Scan(150, quality=25, noise=14)),))
    yield DrawnDocument("fax-letter", ((letter, fax), (letter, fax)))
    yield DrawnDocument("fax-form", ((form, fax),))
    yield DrawnDocument("columns-born", ((columns, None),))
    yield DrawnDocument("columns-scan", ((columns, gray),))
    yield DrawnDocument("columns-turned-3", ((columns, Scan(degrees=3)),))
    yield DrawnDocument("table-born", ((table, None),))
    yield DrawnDocument("table-scan", ((table, gray),))
    yield DrawnDocument("table-turned-3", ((table, Scan(degrees=-3)),))
    yield DrawnDocument("table-landscape", ((table, gray),), (842, 595))
    yield DrawnDocument("form-born", ((form, None),))
    yield DrawnDocument("form-scan", ((form, gray),))
    yield DrawnDocument("rotate-90", ((partial(lying, degrees=270), gray),), finish=partial(_with_keys, Rotate=90))
    yield DrawnDocument("rotate-270", ((partial(lying, degrees=90), gray),), finish=partial(_with_keys, Rotate=270))
    yield DrawnDocument("lying-90", ((partial(lying, degrees=90), gray),))
    yield DrawnDocument("lying-180", ((partial(lying, degrees=180), gray),))
    yield DrawnDocument("lying-93", ((partial(lying, degrees=90), Scan(degrees=3)),))
    yield DrawnDocument("turned-3", ((letter, Scan(degrees=3)), (letter, Scan(degrees=3))))
    yield DrawnDocument("turned-minus-3", ((letter, Scan(degrees=-3)),))
    yield DrawnDocument("turned-5", ((letter, Scan(degrees=5)),))
    yield DrawnDocument("mixed", ((letter, None), (letter, gray), (table, None), (table, fax)))
    yield DrawnDocument("half-scanned", ((half_scanned, None),))
    yield DrawnDocument("former-text", ((letter, gray),), finish=_with_former_text)
    yield DrawnDocument("poster-a0-born", ((poster, None),), A0)
    yield DrawnDocument("poster-a0-scan", ((poster, Scan(72, "RGB")),), A0)
    yield DrawnDocument("chinese-born", ((chinese, None),))
    yield DrawnDocument("chinese-scan", ((chinese, gray),))
    yield DrawnDocument("crop-box", ((letter, gray),), finish=partial(_with_keys, CropBox=[30, 40, 560, 800]))
    locked = partial(_saved, encryption=pikepdf.Encryption(owner="owner", user=PASSWORD))
    yield DrawnDocument("encrypted", ((letter, gray),), finish=locked, password=PASSWORD)
    open_to_read = partial(_saved, encryption=pikepdf.Encryption(owner="owner", user=""))
    yield DrawnDocument("encrypted-owner", ((letter, gray),), finish=open_to_read)
    yield DrawnDocument("damaged-end", ((letter, gray),), finish=lambda pdf: _saved(pdf)[:-25])
    yield DrawnDocument("damaged", ((letter, None),), finish=lambda pdf: _saved(pdf)[:300], is_refused=True)
    pages = ((letter, gray if number % 100 == 99 else None) for number in range(LONG))
    yield DrawnDocument("long", tuple(pages))


def _drawn(layout: Layout, size: Size, seed: object) -> tuple[bytes, list[str]]:
    file = io.BytesIO()
    paper = Canvas(file, pagesize=size, invariant=True)
    paper.setFillColor(Color(0.05, 0.05, 0.1))
    sheet = Sheet(paper, size, random.Random(str(seed)))
    layout(sheet)
    paper.showPage()
    paper.save()
    return file.getvalue(), sheet.words


def _seen(page: bytes, dpi: float) -> Image.Image:
    with pypdfium2.PdfDocument(page) as document:
        document.init_forms()
        image: Image.Image = document[0].render(scale=dpi / 72, may_draw_forms=True).to_pil()
        return image.convert("RGB")


def _scanned(page: bytes, scan: Scan, chance: random.Random) -> bytes:
    """A PDF whose page is an image."""
    image = _seen(page, scan.dpi).convert("L" if scan.mode == "1" else scan.mode)
    if scan.noise:
        state = chance.randint(0, 255)  # Pillow's noise knows no seed: one tile of ours is repeated, shifted
        tile = Image.frombytes("L", (256, 256), _NOISE).point(lambda level: int((level - 128) * scan.noise / 64 + 128))
        field_of = Image.new("L", image.size)
        for x in range(-state, image.width, 256):
            for y in range(-state, image.height, 256):
                field_of.paste(tile, (x, y))
        layers = [ImageChops.add(band, field_of, offset=-128 - 8) for band in image.split()]
        image = Image.merge(image.mode, layers)
    if scan.degrees:
        paper: Any = (240,) * 3 if image.mode == "RGB" else 240
        image = image.rotate(-scan.degrees, Image.Resampling.BICUBIC, fillcolor=paper)
    file = io.BytesIO()
    if scan.mode == "1":
        image.point(lambda level: 255 if level > 150 else 0).convert("1").save(file, "TIFF", compression="group4")
    else:
        image.save(file, "JPEG", quality=scan.quality)
    layout = img2pdf.get_fixed_dpi_layout_fun((scan.dpi, scan.dpi))
    return bytes(img2pdf.convert(file.getvalue(), layout_fun=layout, nodate=True))


_NOISE = random.Random(7).randbytes(256 * 256)


def _saved(pdf: pikepdf.Pdf, **settings: Any) -> bytes:  # noqa: ANN401 -- pikepdf's own
    file = io.BytesIO()
    pdf.save(file, deterministic_id="encryption" not in settings, **settings)
    return file.getvalue()


def _with_keys(pdf: pikepdf.Pdf, **keys: int | list[int]) -> bytes:
    for page in pdf.pages:
        for name, value in keys.items():
            page.obj[f"/{name}"] = pikepdf.Array(value) if isinstance(value, list) else value
    return _saved(pdf)


def _with_former_text(pdf: pikepdf.Pdf) -> bytes:
    hidden, _ = _drawn(former_text, A4, "former")
    with pikepdf.open(io.BytesIO(hidden)) as over:
        pdf.pages[0].add_overlay(over.pages[0], None)
        return _saved(pdf)


def write_corpus(folder: Path, names: frozenset[str] = frozenset()) -> list[Path]:
    """Write the documents, all or those named, each with its words beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for document in corpus():
        if names and document.name not in names:
            continue
        data, words = document.draw()
        path = folder / f"{document.name}.pdf"
        path.write_bytes(data)
        truth = {"password": document.password, "is_refused": document.is_refused, "pages": words}
        path.with_suffix(".json").write_text(json.dumps(truth, ensure_ascii=False), encoding="utf-8")
        paths.append(path)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print(f"{len(write_corpus(parser.parse_args().folder))} documents")
