import re
from xml.etree import ElementTree

import pytest
from document_pages import (
    CHINESE,
    CURVED,
    DOCUMENT,
    HEBREW,
    HOSTILE,
    PLAIN,
    SPELLED,
    TURNED,
    WORDLESS,
    box,
    line,
    one,
    page,
    pieces_before_the_end,
)
from lxml import etree

from ocdrnet_client import Line, Word
from ocdrnet_client.documents.hocr import hocr_of

XHTML = "{http://www.w3.org/1999/xhtml}"
PROPERTY = {
    "image": r'"[^"]+"',
    "bbox": r"\d+ \d+ \d+ \d+",
    "ppageno": r"\d+",
    "scan_res": r"\d+ \d+",
    "poly": r"\d+ \d+(?: \d+ \d+){2,}",
    "baseline": r"-?\d+(?:\.\d+)? -?\d+",
    "textangle": r"\d+(?:\.\d)?",
    "x_wconf": r"\d+",
    "x_bboxes": r"\d+ \d+ \d+ \d+",
    "x_conf": r"\d+\.\d\d",
}
PARENTS = {
    "ocr_page": "",
    "ocr_carea": "ocr_page",
    "ocr_par": "ocr_carea",
    "ocr_line": "ocr_par",
    "ocrx_word": "ocr_line",
    "ocrx_cinfo": "ocrx_word",
}


def hocr(pages, name="file.pdf"):
    return "".join(hocr_of(pages, name))


def elements(pages, kind, name="file.pdf"):
    root = ElementTree.fromstring(hocr(pages, name))
    return [element for element in root.iter() if element.get("class") == kind]


def properties(element):
    """An element's title, as a reader takes it apart that knows of quotes."""
    parts = re.findall(r'(\w+) ((?:"[^"]*"|[^;"])+)', element.get("title"))
    return {key: value.strip() for key, value in parts}


def titles(read, kind, **more):
    return [properties(element) for element in elements(one(read, **more), kind)]


def numbers(value):
    return [float(number) for number in value.split()]


def words_of_hocr(text):
    """Page by page, line by line: the words."""
    root = ElementTree.fromstring(text)
    found = {kind: lambda above, kind=kind: [e for e in above.iter() if e.get("class") == kind] for kind in PARENTS}
    return [
        [[word.text or "" for word in found["ocrx_word"](line)] for line in found["ocr_line"](page)]
        for page in found["ocr_page"](root)
    ]


def test_each_element_stands_where_the_specification_has_it():
    root = etree.fromstring(hocr([*DOCUMENT, *one(SPELLED, 10)]).encode())
    seen = set()
    for element in root.iter(f"{XHTML}*"):
        kind = element.get("class")
        if kind is None:
            continue
        seen.add(kind)
        assert (element.getparent().get("class") or "") == PARENTS[kind]
        for key, value in properties(element).items():
            assert re.fullmatch(PROPERTY[key], value), (key, value)
        left, top, right, below = numbers(properties(element)["x_bboxes" if kind == "ocrx_cinfo" else "bbox"])
        assert left <= right
        assert top <= below
    assert seen == set(PARENTS)


def test_head_names_the_system_and_what_the_file_holds():
    metas = {
        meta.get("name"): meta.get("content") for meta in ElementTree.fromstring(hocr(DOCUMENT)).iter(f"{XHTML}meta")
    }
    assert re.fullmatch(r"ocdrnet \d+\.\d+\.\d+\S*", metas["ocr-system"])
    assert set(metas["ocr-capabilities"].split()) == {*PARENTS, "ocrp_dir", "ocrp_poly", "ocrp_wconf"}


def test_xhtml_is_one_that_its_doctype_allows():
    # XHTML 1.0 Transitional: a head with a title, and no block within a paragraph.
    text = hocr(DOCUMENT, "a<b>.pdf")
    root = etree.fromstring(text.encode())
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0')
    assert [child.tag for child in root] == [f"{XHTML}head", f"{XHTML}body"]
    assert root.findtext(f"{XHTML}head/{XHTML}title") == "a<b>.pdf"
    assert {child.tag for par in root.iter(f"{XHTML}p") for child in par.iter() if child is not par} == {f"{XHTML}span"}
    identities = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(identities) == len(set(identities)) > 40


def test_words_come_back_as_they_were_read():
    expected = [
        [[word.text for word in line.words] for line in each.page.lines] if each.page else [] for each in DOCUMENT[:7]
    ]
    hostile = ["a]]>b", "<&\">'", "bell", "--><!--", "&amp;", "x", "tab\there", "a\u2028b"]
    assert words_of_hocr(hocr(DOCUMENT)) == [*expected, [hostile], [["no words"], []]]


@pytest.mark.parametrize(
    ("read", "text"), [(PLAIN, "Two words"), (CHINESE, "你好世界 OK"), (HEBREW, "שלום עולם"), (WORDLESS, "no words")]
)
def test_blanks_between_words_are_those_of_the_line(read, text):
    first = elements(one(read), "ocr_line")[0]
    assert " ".join("".join(first.itertext()).split()) == text


def test_word_that_the_lines_text_does_not_hold_is_told_apart():
    lost = Line(
        "ab", 0.9, box(0, 0, 50, 20), 0.8, (Word("?", 0.9, box(0, 0, 10, 20)), Word("ab", 0.9, box(20, 0, 20, 20)))
    )
    assert "".join(elements(one(page(lost)), "ocr_line")[0].itertext()).split() == ["?", "ab"]


def test_page_has_its_image_size_number_and_resolution():
    assert titles(PLAIN, "ocr_page", number=3, dpi=299.6) == [
        {"image": '"scan.png"', "bbox": "0 0 1000 1400", "ppageno": "2", "scan_res": "300 300"}
    ]


def test_page_that_names_no_image_has_the_files_name_and_no_resolution_that_nobody_knows():
    assert titles(TURNED, "ocr_page") == [{"image": '"file.pdf"', "bbox": "0 0 1000 1400", "ppageno": "0"}]


def test_quotes_and_semicolons_of_an_images_name_do_not_end_it():
    (title,) = titles(HOSTILE, "ocr_page")
    assert title["image"] == '"a\'b,<c>.png"'
    assert title["ppageno"] == "0"


def test_boxes_of_upright_text_have_no_outline():
    (first, *_), (paragraph, other) = titles(PLAIN, "ocr_line"), titles(PLAIN, "ocr_par")
    assert first == {"bbox": "100 50 190 70", "baseline": "0 0"}
    assert paragraph == {"bbox": "100 50 190 100"}
    assert other == {"bbox": "100 150 150 170"}
    assert titles(PLAIN, "ocr_carea") == [paragraph, other]
    assert titles(PLAIN, "ocrx_word")[1] == {"bbox": "140 50 190 70", "x_wconf": "90"}


def test_boxes_are_cut_to_the_page_and_cover_every_pixel_they_touch():
    (title,) = titles(HOSTILE, "ocr_line")
    assert title["bbox"] == "0 50 1000 71"


def test_slanted_text_has_an_outline_and_a_baseline_that_climbs():
    title = titles(TURNED, "ocr_line")[0]
    slope, offset = numbers(title["baseline"])
    left, _, right, below = numbers(title["bbox"])
    corners = TURNED.lines[0].box
    assert slope == pytest.approx(-0.176, abs=0.001)
    # The baseline runs from the lower left corner of the text to the lower right one.
    for x, y in (corners[3], corners[2]):
        assert below + offset + slope * (x - left) == pytest.approx(y, abs=0.6)
    assert numbers(title["poly"]) == [round(value) for corner in corners for value in corner]
    assert "textangle" not in title
    assert right == 163


@pytest.mark.parametrize(("index", "angle"), [(1, "270"), (2, "90"), (3, "180")])
def test_text_that_is_turned_far_has_an_angle_counterclockwise_and_no_baseline(index, angle):
    title = titles(TURNED, "ocr_line")[index]
    assert title["textangle"] == angle
    assert "baseline" not in title


def test_bounds_of_the_baseline_are_45_degrees():
    slanted = titles(page(line("text", 500, 500, turned=44), line("text", 500, 600, turned=46)), "ocr_line")
    assert ["baseline" in title for title in slanted] == [True, False]
    assert slanted[1]["textangle"] == "314"


def test_curved_line_has_its_polygon_and_the_rectangle_around_it():
    (title,) = titles(CURVED, "ocr_line")
    assert title["poly"] == "100 60 150 40 200 60 200 90 150 70 100 90"
    assert title["bbox"] == "100 40 200 90"
    assert title["baseline"] == "0 0"


def test_right_to_left_text_says_so():
    assert [element.get("dir") for element in elements(one(HEBREW), "ocr_par")] == ["rtl"]
    assert [element.get("dir") for element in elements(one(CHINESE), "ocr_par")] == [None]
    assert [element.get("dir") for element in elements(one(page(line("אב ab", 0, 0))), "ocr_par")] == [None]


def test_failed_page_keeps_its_number_and_says_why():
    text = hocr(DOCUMENT)
    failed = elements(DOCUMENT, "ocr_page")[1]
    assert (failed.get("id"), list(failed)) == ("page_2", [])
    assert properties(failed) == {"image": '"file.pdf"', "bbox": "0 0 0 0", "ppageno": "1"}
    comments = etree.fromstring(text.encode()).xpath("//comment()")
    assert [comment.text for comment in comments] == [' page 2 failed: the page is "damaged" <- - at - -> 7 ']


def test_characters_stand_in_their_words_as_tesseract_writes_them():
    words = elements(one(SPELLED), "ocrx_word")
    assert [[character.text for character in word] for word in words] == [
        ["T", "w", "o"],
        ["e\u0301", "x\u0301"],
        ["b", "e"],
        ["<", "&", '"'],
        ["ffi"],
        list("slant"),
        [],
        ["abcd"],
    ]
    assert [properties(character) for character in words[0]][:2] == [
        {"x_bboxes": "100 50 110 70", "x_conf": "75.00"},
        {"x_bboxes": "110 50 120 70", "x_conf": "75.00"},
    ]
    texts = ["Two", "e\u0301x\u0301", "be", '<&"', "ffi", "slant", "other", "abcd"]
    assert ["".join(word.itertext()) for word in words] == texts, "readers that know words alone find them"
    assert elements(DOCUMENT, "ocrx_cinfo") == []


def test_page_is_written_before_the_next_is_there():
    head, first = pieces_before_the_end(hocr_of)
    assert head.endswith("<body>\n")
    assert first.count("ocr_page") == 1
