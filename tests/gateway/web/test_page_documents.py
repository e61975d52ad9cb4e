"""Documents on the page, in a headless Chromium, before a real gateway and a stand-in for Triton."""

import asyncio
import dataclasses
import io
import json
import threading

import pikepdf
import pytest
from drawn_documents import page_workers, pdf, tiff
from page_browser import PHONE, REFUSED, browser, serious_faults, visits
from PIL import Image
from pypdfium2 import PdfDocument

from ocdrnet_client import Line, Page, Word
from ocdrnet_gateway.http_errors import ReaderFailedError

pytestmark = pytest.mark.program("chromium")

NARROWEST, STEP = 144, 18  # points; a page's width says its number to the stand-in
PIXELS_PER_POINT = 200 / 72
BACK = 60  # seconds until a held reading goes on by itself


def numbered(count, **sizes):
    """A PDF of pages without text, 200 points high, each wider than the one before."""

    def blot(paper):
        paper.rect(10, 150, 60, 20, fill=1)

    with pikepdf.open(io.BytesIO(pdf(*[blot] * count, size=(NARROWEST, 200)))) as opened:
        for number, page in enumerate(opened.pages, 1):
            page.obj.MediaBox = sizes.get(f"page_{number}", [0, 0, NARROWEST + STEP * number, 200])
        kept = io.BytesIO()
        opened.save(kept)
    return kept.getvalue()


def number_of(image):
    return round((Image.open(io.BytesIO(image)).width / PIXELS_PER_POINT - NARROWEST) / STEP)


def line(text, top, paragraph=0):
    words, left = [], 20
    for word in text.split():
        right = left + 12 * len(word)
        words.append(Word(word, 0.9, ((left, top), (right, top), (right, top + 30), (left, top + 30))))
        left = right + 10
    return Line(
        text, 0.9, (words[0].box[0], words[-1].box[1], words[-1].box[2], words[0].box[3]), 0.8, (*words,), paragraph
    )


def page_of(image):
    """What the stand-in reads: its number, and the same sentence broken at a line's end."""
    size = Image.open(io.BytesIO(image)).size
    return Page(*size, (line(f"Sheet {number_of(image)}", 20), line("The Café is", 80, 1), line("open today", 120, 1)))


class Held:
    """Readings from one page on wait until the test lets them go."""

    def __init__(self, reader, first):
        self.go, self.first, self.failing, self.unreadable = threading.Event(), first, (), 0
        reader.respond = self.respond

    async def respond(self, call):
        number = number_of(call.image)
        if number >= self.first:
            await asyncio.to_thread(self.go.wait, BACK)
        if number in self.failing:
            raise ReaderFailedError("the server failed on this request")
        return dataclasses.replace(page_of(call.image), unreadable=self.unreadable)


@pytest.fixture(scope="module")
def chromium():
    with browser() as launched:
        yield launched


@pytest.fixture
def held(reader):
    made = Held(reader, 1000)
    yield made
    made.go.set()


@pytest.fixture
def visiting(chromium, gateway, held):
    with visits(chromium, gateway) as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_process_is_left(until):
    yield
    until(lambda: not page_workers())


def opened(visiting, data=None, name="book.pdf", **settings):
    on = visiting(**settings)
    on.drop((name, data or numbered(5)))
    return on


def options(on):
    return on.page.locator("#pages [role=option]")


def labels(on):
    return [option.get_attribute("aria-label") for option in options(on).all()]


def shown(on):
    return on.page.locator("#facts").inner_text().split(" · ")[0]


def download(on, output):
    on.page.get_by_role("button", name="Download", exact=True).click()
    with on.page.expect_download() as waiting:
        on.page.locator(f"[data-output={output}]").click()
    on.page.locator("#downloads").wait_for(state="hidden")
    with open(waiting.value.path(), "rb") as file:
        return file.read(), waiting.value.suggested_filename


@pytest.mark.parametrize(("count", "told"), [(1, "1 region looks like text"), (3, "3 regions look like text")])
def test_regions_in_an_unknown_script_are_told_of(visiting, held, count, told):
    held.unreadable = count
    on = opened(visiting, numbered(1))
    on.page.locator("#warnings").get_by_text(f"{told} in a script that this server does not know").wait_for()


def test_pages_appear_as_they_are_read(visiting, held):
    held.first = 3
    on = opened(visiting)
    on.until_read()
    options(on).nth(1).wait_for()
    assert on.page.locator("#progress-words").inner_text() == "2 of 5 pages"
    assert on.page.locator("#progress-bar").get_attribute("value") == "0.4"
    assert labels(on) == ["Page 1, 3 lines", "Page 2, 3 lines"]
    assert on.texts() == ["Sheet 1", "The Café is", "open today"]
    on.page.locator("#list [role=option]").nth(1).focus()
    held.go.set()
    on.until_all_read()
    assert labels(on) == [f"Page {number}, 3 lines" for number in range(1, 6)]
    assert shown(on) == "Page 1 of 5"
    assert on.page.evaluate("document.activeElement.innerText").startswith("The Café is"), "the list lost its focus"


def test_a_page_shows_its_image_with_the_boxes_over_it(visiting):
    on = opened(visiting).until_all_read()
    options(on).nth(3).click()
    assert (shown(on), on.texts()[0]) == ("Page 4 of 5", "Sheet 4")
    assert on.outlines() == [[tuple(point) for point in each.box] for each in page_lines(4)]
    on.until("document.querySelector('#image-overlay img').naturalWidth > 0")
    image, drawing = (on.page.locator(f"#image-overlay {tag}").bounding_box() for tag in ("img", "svg"))
    assert image == pytest.approx(drawing)
    natural = on.page.eval_on_selector("#image-overlay img", "image => image.naturalWidth / image.naturalHeight")
    assert natural == pytest.approx((NARROWEST + 4 * STEP) / 200, rel=0.01)
    assert image["width"] / image["height"] == pytest.approx(natural, rel=0.01)
    on.page.get_by_role("option").filter(has_text="open today").hover()
    assert on.active() == ([2], [2])


def page_lines(number):
    buffer = io.BytesIO()
    Image.new("L", (round((NARROWEST + STEP * number) * PIXELS_PER_POINT), 100)).save(buffer, "PNG")
    return page_of(buffer.getvalue()).lines


def test_the_keyboard_turns_the_pages(visiting):
    on = opened(visiting).until_all_read()
    press = on.page.keyboard.press
    for _ in range(20):
        press("Tab")
        if on.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Page 1, 3 lines":
            break
    for key, page in (("ArrowDown", 2), ("End", 5), ("ArrowRight", 5), ("ArrowUp", 4), ("Home", 1), ("ArrowLeft", 1)):
        press(key)
        assert shown(on) == f"Page {page} of 5"
        assert on.page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Page {page}, 3 lines"
    assert [option.get_attribute("tabindex") for option in options(on).all()] == ["0", "-1", "-1", "-1", "-1"]
    press("Tab")
    assert on.page.evaluate("document.activeElement.id") == "boxes-shown"


def hits(on):
    """How many boxes are tinted on the page, and how many of them are those that was gone to."""
    return tuple(on.page.locator(f"#image-overlay .hits {kind}").count() for kind in (".hit", ".gone-to"))


def test_a_search_goes_through_all_pages(visiting):
    on = opened(visiting).until_all_read()
    field, count = on.page.get_by_label("Search all pages"), on.page.locator("#search-count")
    field.fill("cafe IS  open")  # across the end of a line, without accent and case
    assert (count.inner_text(), hits(on)) == ("Hit 1 of 5, on 5 pages", (2, 2))
    assert on.page.locator("#list .found").all_inner_texts() == ["The Café is\n90 %", "open today\n90 %"]
    field.press("Enter")
    assert (count.inner_text(), shown(on), hits(on)) == ("Hit 2 of 5, on 5 pages", "Page 2 of 5", (2, 2))
    field.press("Shift+Enter")
    field.press("Shift+Enter")
    assert (count.inner_text(), shown(on)) == ("Hit 5 of 5, on 5 pages", "Page 5 of 5")
    on.page.get_by_role("button", name="Next hit").click()
    assert shown(on) == "Page 1 of 5"
    on.page.get_by_role("button", name="Previous hit").click()
    assert shown(on) == "Page 5 of 5"
    assert on.page.locator("#spoken").inner_text().startswith("Hit 5 of 5, on 5 pages, page 5: Café is open")
    field.fill("sheet 4")
    assert (count.inner_text(), shown(on), hits(on)) == ("Hit 1 of 1, on 1 page", "Page 4 of 5", (1, 1))
    box = on.page.locator("#image-overlay .gone-to").get_attribute("points")
    assert [float(part) for part in box.replace(",", " ").split()] == [20, 20, 102, 20, 102, 50, 20, 50]
    for level in ("Words", "Paragraphs"):
        on.page.get_by_role("radio", name=level).check()
        assert on.page.locator("#list .gone-to").count() == 1
    field.fill("nowhere")
    assert (count.inner_text(), hits(on)) == ("Not found", (0, 0))
    field.press("Escape")
    assert (count.inner_text(), field.input_value()) == ("", "")


def test_pages_that_come_later_are_searched_too(visiting, held):
    held.first = 3
    on = opened(visiting)
    options(on).nth(1).wait_for()
    on.page.get_by_label("Search all pages").fill("today")
    assert on.page.locator("#search-count").inner_text() == "Hit 1 of 2, on 2 pages"
    held.go.set()
    on.until_all_read()
    assert on.page.locator("#search-count").inner_text() == "Hit 1 of 5, on 5 pages"
    assert shown(on) == "Page 1 of 5"


SIGNS = {
    "markdown": ("book.md", b"<!-- page 2"),
    "text": ("book.txt", b"open today\x0cSheet 2"),
    "hocr": ("book.hocr", b"ocrx_word"),
    "alto": ("book.alto.xml", b"<alto"),
    "tsv": ("book.tsv", b"level\tpage_num"),
}


def test_every_download_is_made_of_what_was_read(visiting, reader):
    on = opened(visiting).until_all_read()
    for output, (name, sign) in SIGNS.items():
        data, file = download(on, output)
        assert (file, sign in data) == (name, True), output
    whole, file = download(on, "json")
    document = json.loads(whole)
    assert file == "book.json"
    assert [document[name] for name in ("document", "page_count", "pages_read", "lines", "words")] == [
        "book.pdf",
        5,
        5,
        15,
        35,
    ]
    assert [page["lines"][0]["text"] for page in document["pages"]] == [f"Sheet {number}" for number in range(1, 6)]
    assert "preview" not in document["pages"][0]
    data, file = download(on, "pdf")
    texts = [page.get_textpage().get_text_bounded() for page in PdfDocument(data)]
    assert file == "book-searchable.pdf"
    assert [f"Sheet {number}" in text for number, text in enumerate(texts, 1)] == [True] * 5
    assert len(reader.calls) == 5, "pages were read again"


def test_what_is_more_than_a_request_may_hold_is_read_again_for_a_download(visiting, start_gateway, reader):
    data = numbered(3)
    on = visiting(start_gateway(max_upload_bytes=len(data) + 100).url)
    on.drop(("book.pdf", data))
    on.until_all_read()
    texts = [page.get_textpage().get_text_bounded() for page in PdfDocument(download(on, "pdf")[0])]
    assert [f"Sheet {number}" in text for number, text in enumerate(texts, 1)] == [True] * 3
    assert len(reader.calls) == 6


def test_a_download_that_fails_says_why(visiting):
    on = opened(visiting, allowed=[REFUSED]).until_all_read()
    body = json.dumps({"detail": "the PDF is signed, and a change would break its signature"})
    on.page.route(
        "**/v1/export?*", lambda route: route.fulfill(status=422, content_type="application/problem+json", body=body)
    )
    on.page.get_by_role("button", name="Download", exact=True).click()
    on.page.locator("[data-output=pdf]").click()
    on.page.get_by_text("the PDF is signed").wait_for()
    on.page.keyboard.press("Escape")
    assert on.page.evaluate("document.activeElement.id") == "open-downloads"


def test_a_cancelled_document_keeps_its_pages_and_can_go_on(visiting, held, reader, until):
    held.first = 3
    on = opened(visiting)
    options(on).nth(1).wait_for()
    on.page.get_by_role("button", name="Cancel", exact=True).click()
    on.page.get_by_text("Cancelled: 2 of 5 pages read.").wait_for()
    held.go.set()
    until(lambda: not page_workers())
    assert on.texts()[0] == "Sheet 1"
    data, _ = download(on, "text")
    assert data.count(b"\x0c") == 1
    before = len(reader.calls)
    on.page.get_by_role("button", name="Read the rest").click()
    options(on).nth(4).wait_for()
    on.until_all_read()
    assert labels(on)[-1] == "Page 5, 3 lines"
    assert [number_of(call.image) for call in reader.calls[before:]] == [3, 4, 5]


def test_an_answer_that_breaks_off_keeps_its_pages(visiting):
    on = visiting()
    page = {"page": 1, "dpi": 72, "angle": 0, "text_source": "ocr", "seconds": 0, "width": 9, "height": 9, "lines": []}
    headers = {"x-ocdrnet-pages": "3", "content-type": "application/x-ndjson"}
    on.page.route(
        "**/v1/read?*",
        lambda route: route.fulfill(headers=headers, body=json.dumps({**page, "truncated": False, "frames": 1}) + "\n"),
    )
    on.drop(("book.pdf", numbered(3)))
    on.page.get_by_text("The server cannot be reached: 1 of 3 pages read.").wait_for()
    on.page.unroute_all()
    on.page.get_by_role("button", name="Read the rest").click()
    options(on).nth(2).wait_for()
    assert labels(on) == ["Page 1, 0 lines", "Page 2, 3 lines", "Page 3, 3 lines"]


def test_a_page_that_fails_is_told_with_its_sentence_and_the_others_go_on(visiting, held):
    held.failing = (4,)
    on = opened(visiting, numbered(5, page_2=[0, 0, 0.2, 0.2])).until_all_read()
    assert [label.endswith("not read") for label in labels(on)] == [False, True, False, True, False]
    options(on).nth(1).click()
    problem = on.page.locator("#problem")
    assert problem.locator("h3").inner_text() == "Page 2 was not read"
    assert problem.locator(".said").inner_text() == "page 2 is 0.2 x 0.2 points, which cannot be drawn"
    assert on.page.locator("#image-overlay .no-preview").inner_text() == "There is no image of book.pdf, page 2."
    options(on).nth(3).click()
    assert problem.locator(".said").inner_text() == "the server failed on this request"
    on.until("document.querySelector('#image-overlay img').naturalWidth > 0")
    options(on).nth(4).click()
    assert (on.texts()[0], problem.is_visible()) == ("Sheet 5", False)
    on.page.get_by_role("button", name="Download", exact=True).click()
    assert on.page.locator("#downloads-note").inner_text() == "All 5 pages. 2 pages were not read and stay empty."


def test_a_damaged_document_is_refused_in_words(visiting):
    on = opened(visiting, b"%PDF-1.7 " + b"1 0 obj << /Type /Pages /Kids [1 0 R] >> endobj " * 50, allowed=[REFUSED])
    problem = on.page.locator("#problem")
    problem.wait_for()
    assert problem.locator("h3").inner_text() == "The server cannot read this"
    assert "the PDF is damaged, or is none" in problem.locator(".said").inner_text()
    assert not on.page.get_by_role("button", name="Download", exact=True).is_visible()


def locked(data):
    closed = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as plain:
        plain.save(closed, encryption=pikepdf.Encryption(owner="own", user="sésame"))
    return closed.getvalue()


def test_an_encrypted_pdf_asks_for_its_password(visiting):
    on = opened(visiting, locked(numbered(2)), allowed=[REFUSED])
    on.page.get_by_role("heading", name="This PDF needs its password").wait_for()
    on.page.get_by_label("Password").fill("open")
    on.page.keyboard.press("Enter")
    on.page.get_by_role("heading", name="The password does not fit").wait_for()
    on.page.get_by_label("Password").fill("sésame")
    on.page.get_by_role("button", name="Open", exact=True).click()
    on.until_all_read()
    assert labels(on) == ["Page 1, 3 lines", "Page 2, 3 lines"]
    data, _ = download(on, "pdf")
    with pikepdf.open(io.BytesIO(data), password="sésame") as saved:
        assert len(saved.pages) == 2
    assert on.page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, document.cookie])") == '[{},{},""]'


def test_a_tiff_is_a_document_and_stands_beside_images(visiting, reader, picture):
    frames = [Image.new("L", (round((NARROWEST + STEP * number) * PIXELS_PER_POINT), 300), 255) for number in (1, 2)]
    on = visiting()
    on.drop(("fax.tiff", tiff(*frames)), ("photo.png", picture))
    entries = on.page.locator("#queue button")
    entries.nth(1).filter(has_text="3 lines").wait_for()
    assert entries.locator(".state").all_inner_texts() == ["2 pages", "3 lines"]
    assert labels(on) == ["Page 1, 3 lines", "Page 2, 3 lines"]
    entries.nth(1).click()
    assert [on.page.locator(name).is_visible() for name in ("#pages", "#search", "#open-downloads")] == [False] * 3
    assert on.page.get_by_role("button", name="JSON", exact=True).is_visible()
    entries.nth(0).click()
    assert (shown(on), options(on).count()) == ("Page 1 of 2", 2)


def test_other_options_read_the_document_again(visiting, reader):
    on = opened(visiting, numbered(2)).until_all_read()
    options(on).nth(1).click()
    on.page.get_by_role("button", name="Options").click()
    on.page.get_by_label("Characters").fill("digits")
    with on.page.expect_response("**/v1/read?*"):
        on.page.get_by_role("button", name="Done").click()
    options(on).nth(1).wait_for()
    on.until_all_read()
    assert [call.options for call in reader.calls] == [{}, {}, {"charset": "digits"}, {"charset": "digits"}]
    assert shown(on) == "Page 1 of 2"


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_needs_scrolling_sideways(visiting, width):
    on = opened(visiting, numbered(12), viewport={"width": width, "height": 844}).until_all_read()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    before = on.page.evaluate(wide)
    on.page.get_by_label("Search all pages").fill("today")
    on.page.get_by_role("button", name="Download", exact=True).click()
    assert (before, on.page.evaluate(wide)) == (0, 0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(visiting, held, scheme, screen):
    held.first, held.failing = 4, (2,)
    look = {"color_scheme": scheme, "reduced_motion": "reduce"}
    on = opened(visiting, **screen, **look, allowed=[REFUSED])
    options(on).nth(2).wait_for()
    faults = {"reading": serious_faults(on.page)}
    on.page.get_by_label("Search all pages").fill("cafe")
    on.page.locator("#list [role=option]").nth(1).focus()
    faults["search"] = serious_faults(on.page)
    options(on).nth(1).click()
    faults["failed page"] = serious_faults(on.page)
    on.page.get_by_role("button", name="Cancel", exact=True).click()
    on.page.locator("#stopped").wait_for()
    faults["cancelled"] = serious_faults(on.page)
    on.page.get_by_role("button", name="Download", exact=True).click()
    faults["downloads"] = serious_faults(on.page)
    on.page.keyboard.press("Escape")
    held.go.set()
    on.drop(("locked.pdf", locked(numbered(1))), on="body")
    on.page.get_by_label("Password").wait_for()
    faults["password"] = serious_faults(on.page)
    assert {view: found for view, found in faults.items() if found} == {}
