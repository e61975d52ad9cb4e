"""Searchable PDFs, read back by pdfium and by poppler: each word at its box, and nothing else changed."""

import ctypes
import html
import io
import math
import re
import struct
import subprocess
import sys
import unicodedata
import weakref
import zlib
from contextlib import suppress

import pikepdf
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image
from pypdfium2 import raw as pdfium

from ocdrnet_client.documents import invisible_text, searchable_pdf
from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.searchable_pdf import AddedText, add_text_layer
from ocdrnet_client.errors import InvalidRequestError, ServerError
from ocdrnet_client.images import upright_image
from ocdrnet_client.results import Line, Page, Word

DRAWN = b"""q 0.9 0.2 0.1 rg 120 130 200 90 re f Q
q 150 0 0 100 200 300 cm /Im Do Q
BT /F1 20 Tf 130 260 Td (drawn before) Tj ET
2 w 110 110 m 480 600 l S q q 0.5 0 0 0.5 30 40 cm
"""  # leaves a changed state behind


def pdf_of(*settings, content=DRAWN, **saving):
    """A PDF with a drawn page for each dictionary of settings."""
    pdf = pikepdf.new()
    for setting in settings or ({},):
        page = pdf.add_blank_page(page_size=(600, 800)).obj
        pixels = bytes(range(256)) * 3 * 4
        image = Stream(pdf, pixels, Type=Name.XObject, Subtype=Name.Image, Width=32, Height=32)
        image.ColorSpace, image.BitsPerComponent = Name.DeviceRGB, 8
        font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
        page.Resources = Dictionary(XObject=Dictionary(Im=image), Font=Dictionary(F1=font))
        page.Contents = Stream(pdf, content)
        for key, value in setting.items():
            page[f"/{key}"] = Array(value) if isinstance(value, list) else value
    file = io.BytesIO()
    pdf.save(file, **saving)
    return file.getvalue()


def quad(x, y, width, height, degrees=0.0):
    """A box whose text begins at (x, y), its top left corner."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    return tuple((x + c * a - s * b, y + s * a + c * b) for a, b in corners)


def line(text, x=60, y=80, degrees=0.0, *, height=30, pitch=15, gap=12, words=None, backwards=False):
    """A line of words that stand one after another, or one before another."""
    words = words or text.split()
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    placed, at = [], 0.0
    for word in reversed(words) if backwards else words:
        width = pitch * len(word)
        placed.append(Word(word, 0.9, quad(x + c * at, y + s * at, width, height, degrees)))
        at += width + gap
    if backwards:
        placed.reverse()
    return Line(text, 0.9, quad(x, y, at - gap, height, degrees), 0.9, tuple(placed))


def page_of(*lines, size=(1000, 1300)):
    return Page(*size, tuple(lines))


def searchable(source, *pages, password=""):
    """The PDF with text for its first pages."""
    file = io.BytesIO()
    numbered = [each if isinstance(each, DocumentPage) else DocumentPage(n, each) for n, each in enumerate(pages, 1)]
    add_text_layer(source, numbered, file, password)
    return file.getvalue()


def text_by_pdfium(data, index=0):
    with pypdfium2.PdfDocument(data) as document:
        text = document[index].get_textpage()
        units = [pdfium.FPDFText_GetUnicode(text, n) for n in range(text.count_chars())]
    return struct.pack(f"<{len(units)}H", *units).decode("utf-16-le").replace("\r\n", "\n")


def words_by_pdfium(data, size, index=0):
    """(text, box) of each word, the box as left, top, right, bottom in pixels of the rendered page."""
    words = []
    with pypdfium2.PdfDocument(data) as document:
        page = document[index]
        text = page.get_textpage()
        for n in range(text.count_chars()):
            character = chr(pdfium.FPDFText_GetUnicode(text, n))
            if character.isspace():
                words.append(("", []))
                continue
            left, bottom, right, top = text.get_charbox(n)
            words = words or [("", [])]
            corners = [in_pixels(page, x, y, size) for x in (left, right) for y in (bottom, top)]
            words[-1] = (words[-1][0] + character, words[-1][1] + corners)
    return [(word, around(corners)) for word, corners in words if word]


def in_pixels(page, x, y, size):
    """By pdfium's own mapping, as it renders; a thousand times as fine, for it answers in whole numbers."""
    at_x, at_y = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, size[0] * 1000, size[1] * 1000, 0, x, y, at_x, at_y)
    return at_x.value / 1000, at_y.value / 1000


def by_poppler(data, folder, *options):
    path = folder / "asked.pdf"
    path.write_bytes(data)
    return subprocess.run(["pdftotext", *options, path, "-"], check=True, capture_output=True, text=True).stdout


def words_by_poppler(data, size, folder):
    found = by_poppler(data, folder, "-bbox", "-cropbox")
    width, height = (float(side) for side in re.search(r'<page width="(.+?)" height="(.+?)"', found).groups())
    if (width < height) != (size[0] < size[1]):  # pdftotext says the page's sides before the page is turned
        width, height = height, width
    words = re.findall(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)</word>', found)
    scale_x, scale_y = size[0] / width, size[1] / height
    return [
        (html.unescape(word), (float(a) * scale_x, float(b) * scale_y, float(c) * scale_x, float(d) * scale_y))
        for a, b, c, d, word in words
    ]


def around(corners):
    return tuple(edge(axis) for edge in (min, max) for axis in (map_axis(corners, 0), map_axis(corners, 1)))


def map_axis(corners, axis):
    return [corner[axis] for corner in corners]


def iou(one, other):
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0, across) * max(0, down)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


def assert_found(page, found):
    """Each word once, at its box."""
    words = [word for each in page.lines for word in each.words]
    assert sorted(text for text, _ in found) == sorted(word.text for word in words)
    for word in words:
        best = max(iou(around(word.box), box) for text, box in found if text == word.text)
        assert best >= 0.7, (word, found)


def pixels(data, password=None, scale=1.0):
    with pypdfium2.PdfDocument(data, password=password) as document:
        return [bytes(page.render(scale=scale).to_pil().tobytes()) for page in document]


def opened(data, **settings):
    return pikepdf.open(io.BytesIO(data), **settings)


PLACES = [
    {},
    {"CropBox": [100, 100, 500, 620]},
    {"MediaBox": [-50, 300, 600, -500], "CropBox": [-200, -450, 420, 280]},  # reaches beyond, and is upside down
    {"UserUnit": 2, "CropBox": [10, 20, 310, 420]},
]
SLANTED = {
    0: (line("Every word at its place", 90, 100), line("a second line", 90, 500)),
    3: (line("Every word at its place though slanted", 90, 100, 3), line("a second line", 90, 500, 3)),
    5: (line("Every internationalization at its place", 90, 100, 5), line("a second responsibility", 90, 500, 5)),
    -8: (line("Every considerable word", 90, 300, -8), line("a second responsibility", 90, 600, -8)),
    -85: (line("Every considerable word", 200, 700, -85), line("a second responsibility", 500, 700, -85)),
    90: (line("Every word at its place", 800, 100, 90), line("a second line", 300, 100, 90)),
    180: (line("Every word at its place", 800, 600, 180), line("a second line", 800, 300, 180)),
    -87: (line("Every word at its place", 300, 700, -87), line("a second line", 600, 700, -87)),
}


def place_of(setting, rotate):
    """A drawn page, and the size of its rendering: the longer side is 1000 or 1300 pixels."""
    drawn = pdf_of({**setting, "Rotate": rotate}, content=b"")
    with pypdfium2.PdfDocument(drawn) as document:
        width, height = document[0].get_size()
    longest = 1300 / max(width, height)
    return drawn, (round(width * longest), round(height * longest))


@pytest.mark.parametrize("degrees", SLANTED)
@pytest.mark.parametrize("rotate", [0, 90, 180, -90])
@pytest.mark.parametrize("setting", PLACES, ids=["plain", "cropped", "shifted", "units"])
def test_pdfium_finds_each_word_at_its_box(setting, rotate, degrees):
    drawn, size = place_of(setting, rotate)
    page = page_of(*SLANTED[degrees], size=size)
    assert_found(page, words_by_pdfium(searchable(drawn, page), size))


@pytest.mark.program("pdftotext")
@pytest.mark.parametrize("degrees", SLANTED)
@pytest.mark.parametrize("rotate", [0, 90, 180, -90])
@pytest.mark.parametrize("setting", PLACES, ids=["plain", "cropped", "shifted", "units"])
def test_poppler_finds_each_word_at_its_box(setting, rotate, degrees, tmp_path):
    drawn, size = place_of(setting, rotate)
    page = page_of(*SLANTED[degrees], size=size)
    assert_found(page, words_by_poppler(searchable(drawn, page), size, tmp_path))


TEXTS = {
    "blanks": line("two words"),
    "one character": line("x"),
    "letters apart": line("a b c"),
    "Chinese": line("中文字Tokyo東京", words=["中文字", "Tokyo", "東京"], pitch=30, gap=2),
    "astral": line("𝒜bc 𠮷野家 A😀"),
    "accents": line("é e\u0301a ñ"),
    "Arabic": line("مرحبا بالعالم", backwards=True),
    "Hebrew": line("תשובה שלום עולם", backwards=True),
    "a year in Hebrew": line("תשובה שלום עולם 2024", backwards=True),
    "Hebrew with points": line("שָׁלוֹם עֲלֵיכֶם", backwards=True),
    "a number in Hebrew": line("בשנת12.5ש שלום", backwards=True),
    "English in Hebrew": line("שלום English words כאן", words=["כאן", "English", "words", "שלום"]),
}
# pdfium takes a line with Latin letters to run from left to right.
READ = {"English in Hebrew": "כאן English words שלום"}


@pytest.mark.parametrize("kind", TEXTS)
def test_pdfium_reads_logical_order_with_blanks(kind):
    text = text_by_pdfium(searchable(pdf_of(content=b""), page_of(TEXTS[kind])))
    expected = READ.get(kind, TEXTS[kind].text)
    # Of several marks on one letter, pdfium may change the order, which is the same text (UAX 15).
    assert unicodedata.normalize("NFD", text.strip()) == unicodedata.normalize("NFD", expected)


def test_pdfium_reads_brackets_of_right_to_left_text_as_they_were():
    text = text_by_pdfium(searchable(pdf_of(content=b""), page_of(line("שלום (עולם)", backwards=True))))
    assert text.strip() == "שלום (עולם)"


# poppler joins single letters at equal distances, and orders lines of two directions by the page's prevailing one.
@pytest.mark.program("pdftotext")
@pytest.mark.parametrize(
    "kind", sorted(set(TEXTS) - {"letters apart", "a number in Hebrew", "English in Hebrew", "Hebrew"})
)
def test_poppler_reads_logical_order_with_blanks(kind, tmp_path):
    found = by_poppler(searchable(pdf_of(content=b""), page_of(TEXTS[kind])), tmp_path)
    assert re.sub("[\u202a-\u202e]", "", found).strip() == TEXTS[kind].text


@pytest.mark.program("pdftotext")
def test_words_that_touch_have_a_blank_between_them(tmp_path):
    page = page_of(line("boxes that touch", gap=0))
    data = searchable(pdf_of(content=b""), page)
    assert text_by_pdfium(data).strip() == "boxes that touch"
    assert by_poppler(data, tmp_path).strip() == by_poppler(data, tmp_path, "-raw").strip() == "boxes that touch"
    assert_found(page, words_by_pdfium(data, (1000, 1300)))
    assert_found(page, words_by_poppler(data, (1000, 1300), tmp_path))


@pytest.mark.parametrize("kind", ["blanks", "Hebrew"])
def test_a_blank_fills_the_gap_between_two_words(kind):
    data = searchable(pdf_of(content=b""), page_of(TEXTS[kind], size=(600, 800)))
    with pypdfium2.PdfDocument(data) as document:
        text = document[0].get_textpage()
        blanks = [n for n in range(text.count_chars()) if text.get_text_range(n, 1) == " "]
        found = [text.get_charbox(n) for n in blanks]
    edges = sorted(x for word in TEXTS[kind].words for x in (word.box[0][0], word.box[1][0]))
    gaps = list(zip(edges[1:-1:2], edges[2:-1:2], strict=True))
    assert sorted((left, right) for left, _, right, _ in found) == [pytest.approx(gap, abs=0.1) for gap in gaps]


def test_a_search_finds_words_over_their_blank():
    data = searchable(pdf_of(content=b""), page_of(*SLANTED[3], TEXTS["Arabic"]))
    with pypdfium2.PdfDocument(data) as document:
        text = document[0].get_textpage()
        assert text.search("word at its place").get_next()
        assert text.search("مرحبا بالعالم").get_next()
        assert not text.search("wordat").get_next()


def test_a_line_without_words_and_a_paragraph_of_rows_are_written_too():
    alone = Line("no words here", 0.9, quad(60, 80, 200, 30), 0.9)
    rows = line("first row", y=300).words + line("the second", y=340).words
    paragraph = Line("first row the second", 0.9, quad(60, 300, 300, 70), 0.9, rows)
    text = text_by_pdfium(searchable(pdf_of(content=b""), page_of(alone, paragraph)))
    assert text.split("\n") == ["no words here", "first row", "the second"]


def test_a_quad_without_extent_and_characters_that_a_pdf_may_not_name_harm_nothing():
    point = Word("dot", 0.9, quad(500, 500, 0, 0))
    bad = Word("a\x00b\ud800\ufeffc\ufffe", 0.9, quad(60, 80, 45, 30))
    nothing = Word("\x07", 0.9, quad(60, 300, 45, 30))
    lines = [Line(word.text, 0.9, word.box, 0.9, (word,)) for word in (bad, point, nothing)]
    file = io.BytesIO()
    assert add_text_layer(pdf_of(content=b""), [DocumentPage(1, page_of(*lines))], file) == AddedText(1, 2)
    assert sorted(text_by_pdfium(file.getvalue()).split()) == ["abc", "dot"]


def test_a_box_that_is_no_number_is_refused():
    with pytest.raises(InvalidRequestError, match="'nan' has a corner that is no finite number"):
        searchable(pdf_of(), page_of(line("nan", x=math.nan)))


def test_more_characters_than_codes_are_refused(monkeypatch):
    monkeypatch.setattr(invisible_text, "_LAST_CODE", 8)
    assert searchable(pdf_of(), page_of(line("abcdefgh")))
    with pytest.raises(InvalidRequestError, match="more than 8 different characters"):
        searchable(pdf_of(), page_of(line("abcdefghi")))
    # Slanted words have codes of their own only while there are many left.
    monkeypatch.setattr(invisible_text, "_LAST_CODE", 18)
    words = " ".join(f"{a}{b}" * 4 for a in "abcdefgh" for b in "abcdefgh")
    assert searchable(pdf_of(), page_of(line(words, degrees=3)))


# ---- What was there ----


def test_pages_look_the_same():
    settings = [{}, {"Rotate": 90, "CropBox": [50, 60, 500, 700]}, {"UserUnit": 2}]
    before = pdf_of(*settings)
    after = searchable(before, *[page_of(*SLANTED[3], *TEXTS.values())] * 3)
    assert pixels(after) == pixels(before)
    assert len({*pixels(before)}) == 2


@pytest.mark.program("pdftoppm")
def test_pages_look_the_same_to_poppler(tmp_path):
    before = pdf_of({}, {"Rotate": 90, "CropBox": [50, 60, 500, 700]})
    shown = []
    for data in (before, searchable(before, *[page_of(*SLANTED[3], *TEXTS.values())] * 2)):
        (tmp_path / "shown.pdf").write_bytes(data)
        command = ["pdftoppm", "-r", "72", "-cropbox", tmp_path / "shown.pdf"]
        shown.append(subprocess.run(command, check=True, capture_output=True).stdout)
    assert shown[0] == shown[1]
    assert len(shown[0]) > 1_000_000


def test_all_text_that_was_added_is_invisible():
    data = searchable(pdf_of(content=b""), page_of(*TEXTS.values()))
    with pypdfium2.PdfDocument(data) as document:
        modes = {pdfium.FPDFTextObj_GetTextRenderMode(each) for each in document[0].get_objects()}
    assert modes == {pdfium.FPDF_TEXTRENDERMODE_INVISIBLE}


def test_streams_are_kept_byte_by_byte():
    before = pdf_of({}, {}, compress_streams=False)
    with opened(before) as pdf:
        streams = [each.read_raw_bytes() for each in pdf.objects if isinstance(each, Stream)]
    with opened(searchable(before, page_of(TEXTS["blanks"]))) as pdf:
        kept = [each.read_raw_bytes() for each in pdf.objects if isinstance(each, Stream)]
        assert pdf.pages[1].obj.Contents.read_raw_bytes() == DRAWN
    assert len(streams) == 4
    assert all(kept.count(stream) >= streams.count(stream) for stream in streams)


def test_outlines_links_forms_attachments_and_metadata_are_kept():
    with opened(pdf_of({}, {})) as pdf:
        with pdf.open_outline() as outline:
            outline.root.append(pikepdf.OutlineItem("Chapter", 1))
        pdf.attachments["note.txt"] = b"a note"
        pdf.docinfo["/Title"] = "A title"
        pdf.Root.Metadata = Stream(pdf, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", Type=Name.Metadata, Subtype=Name.XML)
        link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[0, 0, 9, 9], A=Dictionary(S=Name.URI, URI=b"x:y"))
        field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, Rect=[0, 0, 9, 9], FT=Name.Tx, T=b"field", V=b"filled")
        field = pdf.make_indirect(field)
        pdf.pages[0].obj.Annots = Array([link, field])
        pdf.Root.AcroForm = Dictionary(Fields=Array([field]))
        file = io.BytesIO()
        pdf.save(file, fix_metadata_version=False)
    with opened(searchable(file.getvalue(), page_of(TEXTS["blanks"]))) as pdf:
        assert [item.title for item in pdf.open_outline().root] == ["Chapter"]
        assert pdf.attachments["note.txt"].get_file().read_bytes() == b"a note"
        assert pdf.docinfo["/Title"] == "A title"
        assert pdf.Root.Metadata.read_bytes() == b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
        link, field = pdf.pages[0].obj.Annots
        assert [str(each) for each in (link.A.URI, field.V, pdf.Root.AcroForm.Fields[0].T)] == [
            "x:y",
            "filled",
            "field",
        ]


def test_pages_that_failed_or_have_their_own_text_are_left_as_they_are():
    failed, trusted = DocumentPage(1, error=ServerError("away")), page_of(TEXTS["blanks"])
    data = searchable(pdf_of({}, {}, {}), failed, DocumentPage(2, trusted, text_source="text_layer"))
    with opened(data) as pdf:
        assert [isinstance(page.obj.Contents, Stream) for page in pdf.pages] == [True] * 3
        assert all("/OcdrnetText" not in page.obj.Resources.Font for page in pdf.pages)


def test_resources_that_pages_share_are_not_changed_for_the_others():
    with opened(pdf_of({}, {})) as pdf:
        pdf.pages[1].obj.Resources = pdf.pages[0].obj.Resources = pdf.make_indirect(pdf.pages[0].obj.Resources)
        file = io.BytesIO()
        pdf.save(file)
    with opened(searchable(file.getvalue(), page_of(TEXTS["blanks"]))) as pdf:
        assert list(pdf.pages[0].obj.Resources.Font) == ["/F1", "/OcdrnetText"]
        assert list(pdf.pages[1].obj.Resources.Font) == ["/F1"]


def test_a_page_without_words_or_contents_is_left_empty_and_takes_text():
    with opened(pdf_of()) as pdf:
        del pdf.pages[0].obj["/Contents"], pdf.pages[0].obj["/Resources"]
        file = io.BytesIO()
        pdf.save(file)
    with opened(searchable(file.getvalue(), page_of())) as pdf:
        assert "/Contents" not in pdf.pages[0].obj
    assert text_by_pdfium(searchable(file.getvalue(), page_of(TEXTS["blanks"]))).strip() == "two words"


# ---- Twice ----


def test_a_second_run_replaces_the_first():
    first = searchable(pdf_of({}, {}), page_of(TEXTS["blanks"]), page_of(TEXTS["Chinese"]))
    second = searchable(first, page_of(TEXTS["astral"]))
    assert text_by_pdfium(second).split("\n") == ["𝒜bc 𠮷野家 A😀", "drawn before"]
    assert text_by_pdfium(second, 1).split("\n")[0] == "中文字Tokyo東京"
    assert pixels(second) == pixels(pdf_of({}, {}))
    with opened(second) as pdf:
        assert [len(page.obj.Contents) for page in pdf.pages] == [2, 2]


def test_the_same_text_again_gives_the_same_size_and_no_words_remove_the_layer():
    data = pdf_of()
    first = searchable(data, page_of(TEXTS["blanks"]))
    assert searchable(data, page_of(TEXTS["blanks"])) == first
    assert len(searchable(first, page_of(TEXTS["blanks"]))) == len(first)
    with opened(searchable(first, page_of())) as pdf:
        assert list(pdf.pages[0].obj.Resources.Font) == ["/F1"]
        assert [each.read_bytes() for each in pdf.pages[0].obj.Contents] == [DRAWN]


def test_a_layer_is_replaced_where_another_program_joined_the_streams():
    with opened(searchable(pdf_of(), page_of(TEXTS["blanks"]))) as pdf:
        pdf.pages[0].contents_coalesce()
        file = io.BytesIO()
        pdf.save(file)
    second = searchable(file.getvalue(), page_of(TEXTS["letters apart"]))
    assert text_by_pdfium(second).split("\n") == ["a b c", "drawn before"]
    assert pixels(second) == pixels(pdf_of())


def test_an_encrypted_layer_is_replaced():
    locked = pdf_of(encryption=pikepdf.Encryption(user="user", owner="owner"))
    first = searchable(locked, page_of(TEXTS["blanks"]), password="user")
    with opened(searchable(first, page_of(TEXTS["letters apart"]), password="user"), password="user") as pdf:
        assert len(pdf.pages[0].obj.Contents) == 2


@pytest.mark.parametrize(
    ("data", "entries"),
    [
        (invisible_text.LAYER_START, {}),
        (b"no deflate", {"Filter": Name.FlateDecode}),
        (
            zlib.compress(invisible_text.LAYER_START + b" " * 999 + invisible_text.LAYER_END),
            {"Filter": Name.FlateDecode},
        ),
        (b"00>", {"Filter": Name.ASCIIHexDecode}),
    ],
    ids=["no end", "damaged", "bomb", "hexadecimal"],
)
def test_a_stream_that_only_looks_like_a_layer_is_kept(monkeypatch, data, entries):
    monkeypatch.setattr(searchable_pdf, "_LARGEST_CONTENT", 500)
    with opened(pdf_of()) as pdf:
        fonts = pdf.pages[0].obj.Resources.Font
        fonts["/OcdrnetText"] = fonts.F1
        pdf.pages[0].obj.Contents = Stream(pdf, data, **entries)
        file = io.BytesIO()
        pdf.save(file, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none)
    with opened(searchable(file.getvalue(), page_of(TEXTS["blanks"]))) as pdf:
        assert pdf.pages[0].obj.Contents[1].read_raw_bytes() == data


# ---- The font ----


def test_the_font_is_whole_and_its_widths_are_those_that_the_pdf_says():
    with opened(searchable(pdf_of(), page_of(TEXTS["blanks"], TEXTS["Chinese"]))) as pdf:
        font = pdf.pages[0].obj.Resources.Font["/OcdrnetText"]
        descendant = font.DescendantFonts[0]
        program = TTFont(io.BytesIO(descendant.FontDescriptor.FontFile2.read_bytes()), lazy=False, checkChecksums=2)
        glyphs = struct.unpack(
            f">{len(descendant.CIDToGIDMap.read_bytes()) // 2}H", descendant.CIDToGIDMap.read_bytes()
        )
        widths = {int(descendant.W[n]): int(descendant.W[n + 2]) for n in range(0, len(descendant.W), 3)}
    advances = [program["hmtx"][name][0] for name in program.getGlyphOrder()]
    assert [advances[glyph] for glyph in glyphs[1:]] == [widths.get(code, 500) for code in range(1, len(glyphs))]
    assert sorted(set(glyphs[1:])) == [1, 2, 3]  # no code shows .notdef
    boxes = [(program["glyf"][name].xMax, program["glyf"][name].yMax) for name in program.getGlyphOrder()[1:]]
    assert boxes[:3] == [(250, 1000), (500, 1000), (1000, 1000)]
    # Those of oblique words fill a part of the line, at its top or its bottom.
    edges = {(program["glyf"][name].yMin, program["glyf"][name].yMax) for name in program.getGlyphOrder()[4:]}
    assert edges == {(200, 1000), (0, 800), (333, 1000), (0, 667), (429, 1000), (0, 571), (500, 1000), (0, 500)}


@pytest.mark.program("qpdf")
@pytest.mark.parametrize("saving", [{}, {"linearize": True}, {"object_stream_mode": pikepdf.ObjectStreamMode.generate}])
def test_qpdf_finds_nothing_to_complain_of(tmp_path, saving):
    path = tmp_path / "checked.pdf"
    path.write_bytes(searchable(pdf_of(**saving), page_of(*TEXTS.values())))
    checked = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=True).stdout
    assert "No syntax or stream encoding errors found" in checked
    assert ("File is linearized" in checked) == ("linearize" in saving)


# ---- Files in and out ----


def test_a_path_is_replaced_in_place(tmp_path):
    path = tmp_path / "scan.pdf"
    path.write_bytes(pdf_of())
    assert add_text_layer(path, [DocumentPage(1, page_of(TEXTS["blanks"]))], path) == AddedText(1, 2)
    assert text_by_pdfium(path).split("\n")[0] == "two words"
    assert [each.name for each in tmp_path.iterdir()] == ["scan.pdf"]


def test_a_failure_leaves_the_target_as_it_was(tmp_path):
    path = tmp_path / "scan.pdf"
    before = pdf_of()
    path.write_bytes(before)
    with pytest.raises(InvalidRequestError, match="there is no page 2: the file has 1"):
        add_text_layer(path, [DocumentPage(n, page_of(TEXTS["blanks"])) for n in (1, 2)], path)
    assert path.read_bytes() == before


def test_a_target_may_be_a_pipe():
    class Pipe:
        def __init__(self):
            self.data = b""

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    add_text_layer(pdf_of(), [DocumentPage(1, page_of(TEXTS["blanks"]))], pipe)
    assert text_by_pdfium(pipe.data).split("\n")[0] == "two words"


def test_pages_are_taken_one_by_one():
    alive = weakref.WeakSet()
    most = 0

    def pages():
        nonlocal most
        for number in range(1, 501):
            page = page_of(TEXTS["blanks"])
            alive.add(holder := DocumentPage(number, page))
            most = max(most, len(alive))
            del page
            yield holder
            del holder

    file = io.BytesIO()
    assert add_text_layer(pdf_of(*[{}] * 500), pages(), file) == AddedText(500, 1000)
    assert most <= 2


@pytest.mark.parametrize("source", [b"%PDF-1.7 and nothing more", b"no image at all", b""])
def test_a_damaged_file_is_refused_with_a_sentence(source):
    with pytest.raises(InvalidRequestError) as refused:
        searchable(source, page_of(TEXTS["blanks"]))
    assert "\n" not in str(refused.value)


def test_a_pdf_that_is_cut_is_mended_or_refused():
    whole = pdf_of({}, {}, {})
    outcomes = set()
    for end in range(0, len(whole), 97):
        try:
            searchable(whole[:end], page_of(TEXTS["blanks"]))
            outcomes.add("mended")
        except InvalidRequestError:
            outcomes.add("refused")
    assert outcomes == {"mended", "refused"}


@pytest.mark.parametrize("key", ["MediaBox", "CropBox", "Rotate", "Resources", "Contents"])
@pytest.mark.parametrize(
    "value", [7, Name.Wrong, [Name.Wrong, 1, 2, 3], [1], [5, 5, 5, 5], Dictionary(Font=3)], ids=str
)
def test_a_wrong_object_is_mended_or_refused(key, value):
    with opened(pdf_of()) as pdf:
        pdf.pages[0].obj[f"/{key}"] = value if not isinstance(value, list) else Array(value)
        file = io.BytesIO()
        pdf.save(file)
    with suppress(InvalidRequestError):
        assert pixels(searchable(file.getvalue(), page_of(TEXTS["blanks"])))


def test_a_missing_folder_and_file_are_refused(tmp_path):
    page = [DocumentPage(1, page_of(TEXTS["blanks"]))]
    with pytest.raises(InvalidRequestError, match=r"cannot read .*none\.pdf: No such file"):
        add_text_layer(tmp_path / "none.pdf", page, io.BytesIO())
    with pytest.raises(InvalidRequestError, match="cannot write the PDF: No such file"):
        add_text_layer(pdf_of(), page, tmp_path / "none" / "out.pdf")


def test_an_encrypted_pdf_stays_encrypted():
    locked = pdf_of(encryption=pikepdf.Encryption(user="user", owner="owner", allow=pikepdf.Permissions(extract=False)))
    page = page_of(TEXTS["blanks"])
    for password in ("", "wrong"):
        with pytest.raises(InvalidRequestError, match="is encrypted, and the password is missing or wrong"):
            searchable(locked, page, password=password)
    for password in ("user", "owner"):
        written = searchable(locked, page, password=password)
        with pytest.raises(pikepdf.PasswordError):
            opened(written)
        for again in ("user", "owner"):
            with opened(written, password=again) as pdf:
                assert pdf.is_encrypted
                assert not pdf.allow.extract
        assert pixels(written, "user") == pixels(locked, "user")


@pytest.mark.parametrize("inherited", [False, True])
def test_a_signed_pdf_is_refused(inherited):
    def with_signature(value):
        with opened(pdf_of()) as pdf:
            kid = pdf.make_indirect(Dictionary(T=b"a", **({"V": value} if value else {})))
            parent = pdf.make_indirect(Dictionary(T=b"b", Kids=Array([kid])))
            (parent if inherited else kid).FT = Name.Sig
            parent.Kids.append(parent)  # a circle
            pdf.Root.AcroForm = Dictionary(Fields=Array([parent]))
            file = io.BytesIO()
            pdf.save(file)
            return file.getvalue()

    assert searchable(with_signature(None), page_of(TEXTS["blanks"]))
    with pytest.raises(InvalidRequestError, match="the PDF is signed"):
        searchable(with_signature(Dictionary(Type=Name.Sig)), page_of(TEXTS["blanks"]))


@pytest.mark.parametrize("library", ["pikepdf", "img2pdf"])
def test_a_library_that_is_missing_is_named_with_the_extra(monkeypatch, library):
    source = pdf_of()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InvalidRequestError, match=rf"{library}.*pip install 'ocdrnet\[documents\]'"):
        searchable(source, page_of(TEXTS["blanks"]))


# ---- Images ----


def picture(mode="RGB", size=(300, 200)):
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, 100, 50))
    image.paste("blue", (200, 150, 300, 200))
    return image.convert(mode)


def file_of(image, format, **settings):
    file = io.BytesIO()
    image.save(file, format, **settings)
    return file.getvalue()


@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_an_image_is_a_page_as_the_server_sees_it(format, orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    data = file_of(picture(), format, exif=exif)
    upright = upright_image(data)
    page = page_of(line("word", 20, 30, height=20, pitch=10), size=upright.size)
    written = searchable(data, page)
    assert_found(page, words_by_pdfium(written, upright.size))
    with pypdfium2.PdfDocument(written) as document:
        shown = document[0].render(scale=upright.width / document[0].get_width()).to_pil().convert("RGB")
    assert shown.size == upright.size
    places = [(x * upright.width // 12, y * upright.height // 12) for x in (1, 11) for y in (1, 11)]
    for place in places:
        assert max(abs(a - b) for a, b in zip(shown.getpixel(place), upright.getpixel(place), strict=True)) < 40


def test_a_jpeg_is_put_in_as_it_is_and_its_dpi_is_the_page_size():
    data = file_of(picture(), "JPEG", dpi=(200, 200))
    with opened(searchable(data, page_of(line("word", 20, 30), size=(300, 200)))) as pdf:
        (image,) = pdf.pages[0].obj.Resources.XObject.values()
        assert image.read_raw_bytes() == data
        assert [float(side) for side in pdf.pages[0].obj.MediaBox] == pytest.approx([0, 0, 108, 72])


def test_each_page_of_a_tiff_is_a_page():
    turned = Image.Exif()
    turned[0x112] = 6
    for settings in ({"compression": "group4"}, {"exif": turned}):
        images = [picture("1"), picture("1", (400, 300))]
        data = file_of(images[0], "TIFF", save_all=True, append_images=images[1:], **settings)
        sizes = [(300, 200), (400, 300)] if "compression" in settings else [(200, 300), (300, 400)]
        pages = [page_of(line(word, 20, 30), size=size) for word, size in zip(("one", "two"), sizes, strict=True)]
        written = searchable(data, *pages)
        for index, page in enumerate(pages):
            assert_found(page, words_by_pdfium(written, sizes[index], index))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "I;16"])
def test_images_of_every_mode_become_pages(mode):
    source = picture("L").convert("I;16") if mode == "I;16" else picture(mode)
    data = file_of(source, "TIFF" if mode == "CMYK" else "PNG")
    page = page_of(line("word", 20, 30), size=(300, 200))
    assert_found(page, words_by_pdfium(searchable(data, page), (300, 200)))
