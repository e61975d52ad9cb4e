import io
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pikepdf
import psutil
import pypdfium2
import pytest
from drawn_documents import A4, LINES, hidden_letter, letter, page_workers, pdf, scan, scanned, tiff
from PIL import Image
from reportlab.lib.utils import ImageReader

from ocdrnet_client.documents.opened import DocumentLimits, OpenDocument, page_numbers
from ocdrnet_client.errors import InvalidRequestError, RequestTimeoutError


def pixels(drawn):
    assert drawn.error is None
    return np.asarray(Image.open(io.BytesIO(drawn.image)))


def opened(data, **options):
    return OpenDocument(data, **options)


def refused(data, *words, **options):
    with pytest.raises(InvalidRequestError) as caught:
        opened(data, **options).close()
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "\n" not in str(caught.value)


# Which pages


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("2", [2]),
        ("1-3,5", [1, 2, 3, 5]),
        (" 5 , 1 - 2", [1, 2, 5]),
        ("4-", [4, 5]),
        ("-2", [1, 2]),
        ("2,2-3,3", [2, 3]),
    ],
)
def test_pages_are_named(text, numbers):
    assert list(page_numbers(text, 5)) == numbers


@pytest.mark.parametrize("text", ["x", "1-2-3", ",", "1,,2", "-", "1.5", "2 3", "1;2"])
def test_what_is_no_list_of_pages_is_refused(text):
    with pytest.raises(InvalidRequestError, match="is no page and no range such as 2-4 or 5-"):
        page_numbers(text, 5)


@pytest.mark.parametrize(("text", "number"), [("6", 6), ("2-9", 9), ("7-", 7)])
def test_pages_beyond_the_last_are_refused(text, number):
    with pytest.raises(InvalidRequestError, match=f"there is no page {number}; the document has 5"):
        page_numbers(text, 5)


@pytest.mark.parametrize("text", ["0", "3-2", "0-2"])
def test_ranges_that_are_none_are_refused(text):
    with pytest.raises(InvalidRequestError, match="pages count from 1"):
        page_numbers(text, 5)


# PDFs


def test_pages_are_drawn_at_the_dpi_that_was_asked():
    with opened(pdf(letter, letter), dpi=100, text_layer="ocr") as document:
        assert (document.kind, document.page_count, list(document.numbers)) == ("PDF", 2, [1, 2])
        page = document.draw(2)
        assert (page.number, page.dpi, page.page, page.text_source) == (2, 100, None, "ocr")
        found = pixels(page)
    assert found.shape == (1170, 827)  # gray: no colour is in it
    assert found.min() < 60


def test_colours_arrive_as_they_are():
    def red(paper):
        paper.setFillColorRGB(1, 0, 0)
        paper.rect(0, 0, *A4, fill=1)

    with opened(pdf(red), dpi=36) as document:
        assert (pixels(document.draw(1))[5:-5, 5:-5] == (255, 0, 0)).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_page_is_sent_without_losses(mode):
    noise = np.random.default_rng(5).integers(0, 256, (60, 40, 3), np.uint8)

    def noisy(paper):
        paper.drawImage(ImageReader(Image.fromarray(noise).convert(mode)), 0, 0, *A4)

    data = pdf(noisy)
    with opened(data, dpi=36, text_layer="ocr") as document:
        sent = document.draw(1).image
    with pypdfium2.PdfDocument(data) as asked:
        drawn = asked[0].render(scale=36 / 72).to_pil()
    assert Image.open(io.BytesIO(sent)).mode == mode
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(sent))), np.asarray(drawn.convert(mode)))


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_is_its_crop_box_turned_by_its_rotation(turn):
    def corner(paper):
        paper.rect(100, 700, 50, 20, fill=1, stroke=0)

    data = pdf(corner, Rotate=turn, CropBox=pikepdf.Array([50, 400, 350, 800]))
    with opened(data, dpi=72) as document:
        found = pixels(document.draw(1))
    upright = np.rot90(found, turn // 90)
    assert upright.shape == (400, 300)
    rows, columns = np.nonzero(upright < 128)
    assert abs(rows.min() - 80) <= 1
    assert abs(columns.min() - 50) <= 1


def test_annotations_and_forms_are_drawn():
    def form(paper):
        paper.acroForm.textfield(name="name", value="Ada Lovelace", x=100, y=500, width=300, height=30, fontSize=20)

    with opened(pdf(form), text_layer="ocr") as document:
        found = pixels(document.draw(1))
    field = found[int((842 - 525) / 72 * 200) : int((842 - 505) / 72 * 200), 300:700]
    assert (field.reshape(field.shape[0], field.shape[1], -1).min(axis=2) < 100).mean() > 0.02


def test_a_huge_page_is_drawn_at_fewer_dots():
    side = 200 * 72
    with opened(pdf(letter, size=(side, side)), text_layer="ocr") as document:
        page = document.draw(1)
    assert page.dpi == pytest.approx(35.4, abs=0.1)
    assert pixels(page).size < 50_100_000


def test_a_file_is_read_from_its_path_and_from_where_an_open_file_stands(tmp_path):
    path = tmp_path / "with space ä.pdf"
    path.write_bytes(pdf(letter))
    with opened(path) as document:
        assert document.page_count == 1
    with path.open("rb") as file, opened(file) as document:
        assert document.page_count == 1


def test_pages_before_the_signature_of_a_pdf_may_be_other_bytes():
    with opened(b"\r\n" * 400 + pdf(letter)) as document:
        assert document.kind == "PDF"


def test_encrypted_pdfs_need_their_password():
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(letter))) as plain:
        plain.save(buffer, encryption=pikepdf.Encryption(owner="own", user="let me in"))
    refused(buffer.getvalue(), "encrypted", "password")
    refused(buffer.getvalue(), "password is another one", password="wrong")
    with opened(buffer.getvalue(), password="let me in") as document:
        assert document.draw(1).page.lines[0].text == LINES[0]


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.4\n%%EOF", pdf(letter)[:300]])
def test_damaged_pdfs_are_refused(data):
    refused(data, "the PDF is damaged")


def test_what_is_no_document_is_refused(tmp_path):
    refused(b"just text", "this is no PDF, and as an image it cannot be read")
    refused(b"", "empty")
    refused(tmp_path / "missing.pdf", "cannot read", "missing.pdf", "No such file")
    refused(tmp_path, "cannot read")


@pytest.mark.parametrize("dpi", [0, 35, 1201, float("nan"), float("inf")])
def test_dots_out_of_range_are_refused(dpi):
    refused(pdf(letter), "dpi is", "36 to 1200", dpi=dpi)


@pytest.mark.parametrize("preview", [63, 2001, -1])
def test_previews_out_of_range_are_refused(preview):
    refused(pdf(letter), f"preview is {preview}", "64 to 2000", preview=preview)


@pytest.mark.parametrize("text_layer", ["ocr", "auto"])
def test_a_preview_comes_beside_what_is_read(text_layer):
    with opened(pdf(letter), dpi=144, preview=421, text_layer=text_layer) as document:
        drawn = document.draw(1)
    small = Image.open(io.BytesIO(drawn.preview))
    assert (small.format, small.size) == ("JPEG", (298, 421))
    assert (drawn.page is None, bool(drawn.image)) == (text_layer == "ocr", text_layer == "ocr")


def test_an_unknown_way_to_take_the_text_layer_is_refused():
    refused(pdf(letter), "text_layer is 'always'", "auto, ocr, trust", text_layer="always")


def test_too_many_pages_are_refused():
    refused(pdf(letter, letter, letter), "has 3 pages; the limit is 2", limits=DocumentLimits(pages=2))


# The process that draws


def worker():
    return page_workers()[0]


def test_it_ends_with_the_document():
    with opened(pdf(letter)):
        child = worker()
    assert not child.is_running()


def test_no_process_is_left_where_opening_fails():
    refused(b"%PDF-1.7\n", "damaged")
    assert not page_workers()


def test_a_page_that_kills_it_costs_that_page_only():
    with opened(pdf(letter, letter, letter), text_layer="ocr") as document:
        first = document.draw(1)
        child = worker()
        child.suspend()
        killer = threading.Timer(0.3, child.kill)
        killer.start()
        second = document.draw(2)
        third = document.draw(3)
    assert "page 2 cannot be drawn: it ended the process that draws" in str(second.error)
    assert first.image
    assert third.image


def test_a_page_that_takes_too_long_costs_that_page_only():
    with opened(pdf(letter, letter), text_layer="ocr", limits=DocumentLimits(page_s=3)) as document:
        worker().suspend()
        first = document.draw(1)
        second = document.draw(2)
    assert "page 1 cannot be drawn: it took longer than 3 s" in str(first.error)
    assert second.image


def test_opening_has_a_time_limit():
    with pytest.raises(RequestTimeoutError, match=r"longer than 0\.001 s"):
        opened(pdf(letter), limits=DocumentLimits(open_s=0.001))


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_a_page_beyond_the_memory_is_an_error():
    with opened(pdf(letter, size=(14_000, 14_000)), limits=DocumentLimits(memory=100 << 20)) as document:
        error = str(document.draw(1).error)
    assert error.startswith("page 1 cannot be drawn: ")
    assert "memory" in error


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_what_the_libraries_take_at_the_start_does_not_count():
    """It grows with the machine's cores."""
    with opened(pdf(letter), limits=DocumentLimits(memory=400 << 20)):
        child = worker()
        limit, taken = child.rlimit(psutil.RLIMIT_AS)[0], child.memory_info().rss
    assert limit > (400 << 20) + taken


def test_it_ends_when_its_caller_is_killed():
    code = (
        "import sys, time; from ocdrnet_client.documents.opened import OpenDocument; "
        "d = OpenDocument(sys.stdin.buffer.read()); print(d._worker._child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as caller:
        caller.stdin.write(pdf(letter))
        caller.stdin.close()
        child = psutil.Process(int(caller.stdout.readline()))
        os.kill(caller.pid, signal.SIGKILL)
        child.wait(timeout=10)


# Images of several pages


def test_the_pages_of_a_tiff_are_its_frames():
    data = tiff(scanned(["first"]), scanned(["second"], mode="1"), scanned(["third"], mode="RGB"), dpi=(150, 150))
    with opened(data) as document:
        assert (document.kind, document.page_count) == ("TIFF", 3)
        found = [document.draw(number) for number in document.numbers]
    assert [page.dpi for page in found] == [150, 150, 150]
    assert np.array_equal(pixels(found[0]), np.asarray(scanned(["first"])))
    assert np.array_equal(pixels(found[1]), np.asarray(scanned(["second"], mode="1")))
    assert np.array_equal(pixels(found[2]), np.asarray(scanned(["third"], mode="RGB")))


def test_frames_may_be_asked_for_in_any_order():
    with opened(tiff(scanned(["first"]), scanned(["second"])), pages="2") as document:
        second = pixels(document.draw(2))
        first = pixels(document.draw(1))
    assert np.array_equal(first, np.asarray(scanned(["first"])))
    assert np.array_equal(second, np.asarray(scanned(["second"])))


def test_fax_pages_are_read():
    with opened(tiff(scanned(mode="1"), scanned(mode="1"), compression="group4")) as document:
        assert np.array_equal(pixels(document.draw(2)), np.asarray(scanned(mode="1")))


def test_a_damaged_frame_costs_that_page_only():
    data = bytearray(tiff(scanned(mode="1"), scanned(mode="1"), scanned(mode="1"), compression="tiff_lzw"))
    with opened(bytes(data)) as document:
        whole = pixels(document.draw(3))
    middle = len(data) // 2
    data[middle - 200 : middle + 200] = bytes(400)
    with opened(bytes(data)) as document:
        found = [document.draw(number) for number in (1, 2, 3)]
    assert any(page.error for page in found)
    assert all("is damaged" in str(page.error) for page in found if page.error)
    assert sum(bool(page.image) for page in found) >= 1
    assert whole.shape == (1754, 1240)


# The text that a PDF holds


def layer(draw, mode="auto", **keys):
    with opened(pdf(draw, **keys), text_layer=mode) as document:
        drawn = document.draw(1)
    assert drawn.error is None
    assert bool(drawn.image) != bool(drawn.page)
    return drawn.page


def tiny_words(paper):
    letter(paper, ["x " * 1_000] * 200, size=1, top=800)


@pytest.mark.parametrize("mode", ["auto", "trust"])
def test_a_layer_of_more_text_than_a_page_can_show_is_not_taken(mode):
    assert layer(tiny_words, mode) is None


def test_a_sound_layer_is_taken_word_by_word():
    page = layer(letter)
    assert [line.text for line in page.lines] == LINES
    assert [word.text for word in page.lines[0].words] == LINES[0].split()
    assert (page.width, page.height) == (1653, 2339)


@pytest.mark.full
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_words_lie_on_their_ink(turn):
    def words(paper):
        paper.setFont("Helvetica", 30)
        paper.drawString(120, 600, "Hxyg HH")

    keys = {"Rotate": turn, "CropBox": pikepdf.Array([50, 100, 550, 800])}
    page = layer(words, **keys)
    with opened(pdf(words, **keys), text_layer="ocr") as document:
        ink = pixels(document.draw(1)) < 128
    assert ink.shape == (page.height, page.width)
    covered = np.zeros_like(ink)
    for word in page.lines[0].words:
        (x0, y0), (x1, y1) = np.min(word.box, axis=0), np.max(word.box, axis=0)
        part = (slice(int(y0), int(y1) + 1), slice(int(x0), int(x1) + 1))
        covered[part] = True
        assert 0.15 < ink[part].mean() < 0.6
    assert not (ink & ~covered).any()
    # Clockwise from the text's own top-left.
    (left, top), (right, below) = page.lines[0].box[:2]
    along = {0: right > left, 90: below > top, 180: right < left, 270: below < top}
    assert along[turn]


def test_turned_text_has_turned_boxes():
    def turned(paper):
        paper.translate(200, 400)
        paper.rotate(30)
        paper.setFont("Helvetica", 24)
        paper.drawString(0, 0, "Turned by thirty degrees")

    page = layer(turned)
    (left, top), (right, below) = page.lines[0].box[:2]
    assert np.degrees(np.arctan2(below - top, right - left)) == pytest.approx(-30, abs=0.5)
    assert np.hypot(right - left, below - top) == pytest.approx(265 / 72 * 200, rel=0.04)


@pytest.mark.full
@pytest.mark.parametrize("mode", ["auto", "trust", "ocr"])
def test_pages_without_text_are_read(mode):
    assert layer(scan, mode) is None
    assert layer(lambda paper: None, mode) is None


def test_a_former_ocr_is_read_again_unless_it_is_trusted():
    def both(paper):
        scan(paper)
        hidden_letter(paper)

    assert layer(both) is None
    assert [line.text for line in layer(both, "trust").lines] == LINES
    assert layer(both, "ocr") is None


def test_invisible_text_alone_is_read_again():
    assert layer(hidden_letter) is None


def test_a_page_with_a_scan_in_it_is_read():
    def mixed(paper):
        letter(paper)
        paper.drawImage(ImageReader(scanned()), 72, 100, 300, 300)

    assert layer(mixed) is None


def test_a_small_logo_does_not_matter():
    def logo(paper):
        letter(paper)
        paper.drawImage(ImageReader(scanned()), 500, 780, 40, 30)

    assert [line.text for line in layer(logo).lines] == LINES


def test_rules_and_frames_do_not_matter():
    def table(paper):
        letter(paper)
        for at in range(500, 780, 18):
            paper.line(60, at, 540, at)
        paper.rect(60, 100, 480, 300, fill=1)

    assert [line.text for line in layer(table).lines] == LINES


def test_text_as_outlines_is_read():
    def outlined(paper):
        letter(paper, ["one line of text"])
        path = paper.beginPath()
        for row in range(20):
            for column in range(60):
                path.moveTo(72 + column * 7, 600 - row * 18)
                path.lineTo(75 + column * 7, 610 - row * 18)
                path.lineTo(77 + column * 7, 600 - row * 18)
        paper.drawPath(path)

    assert layer(outlined) is None


def test_text_without_a_unicode_mapping_is_read():
    data = pdf(letter)
    with pikepdf.open(io.BytesIO(data)) as opened_pdf:
        for page in opened_pdf.pages:
            for font in page.Resources.Font.values():
                font.Encoding = pikepdf.Dictionary(
                    Type=pikepdf.Name.Encoding,
                    Differences=pikepdf.Array([32, *[pikepdf.Name(f"/g{code}") for code in range(32, 127)]]),
                )
        buffer = io.BytesIO()
        opened_pdf.save(buffer)
    with opened(buffer.getvalue()) as document:
        assert document.draw(1).page is None
