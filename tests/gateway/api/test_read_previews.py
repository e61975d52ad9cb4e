"""`preview` of `POST /v1/read`: a JPEG of each page, made as the page is drawn; and passwords beyond ASCII."""

import base64
import io
import json

import numpy as np
import pikepdf
import pytest
from drawn_documents import LINES, letter, page_workers, pdf, scan, scanned, tiff
from gateway_reader import PAGE
from PIL import Image

from ocdrnet_gateway.http_errors import ReaderFailedError

SCANS = pdf(scan, letter, scan)


@pytest.fixture(autouse=True)
def no_process_is_left(until):
    yield
    until(lambda: not page_workers())


def read(http, url, body, query, **headers):
    answer = http.post(f"{url}/v1/read?output=jsonl&{query}", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def preview_of(page):
    return Image.open(io.BytesIO(base64.b64decode(page["preview"])))


def test_each_page_comes_with_its_image_also_where_its_own_text_was_taken(gateway, http, reader):
    pages = read(http, gateway, SCANS, "preview=400&dpi=100")
    assert [page["text_source"] for page in pages] == ["ocr", "text_layer", "ocr"]
    for page in pages:
        preview = preview_of(page)
        assert (preview.format, preview.mode, max(preview.size)) == ("JPEG", "L", 400)
        assert preview.width / preview.height == pytest.approx(1 / 2**0.5, rel=0.01)
    for page, top in ((pages[0], 150 / 1754), (pages[1], 70 / 842)):
        ink = np.asarray(preview_of(page)).min(axis=1) < 200
        assert np.flatnonzero(ink)[0] / 400 == pytest.approx(top, abs=0.02)
    # What Triton gets is the page at its full size.
    assert [Image.open(io.BytesIO(call.image)).height for call in reader.calls] == [1170, 1170]


def test_a_page_smaller_than_its_preview_is_not_enlarged(gateway, http):
    (page,) = read(http, gateway, pdf(letter, size=(144, 72)), "preview=2000&dpi=72")
    assert preview_of(page).size == (144, 72)


def test_colours_are_kept(gateway, http):
    def red(paper):
        paper.setFillColorRGB(1, 0, 0)
        paper.rect(0, 0, 595, 842, fill=1)

    (page,) = read(http, gateway, pdf(red), "preview=64&dpi=72")
    assert preview_of(page).getpixel((20, 20)) == pytest.approx((254, 0, 0), abs=3)


def test_nothing_is_sent_unasked(gateway, http):
    assert all("preview" not in page for page in read(http, gateway, SCANS, "dpi=72"))


def test_a_page_that_the_server_failed_on_is_still_shown(gateway, http, reader):
    async def respond(call):
        raise ReaderFailedError("the server failed on this request")

    reader.respond = respond
    pages = read(http, gateway, pdf(scan), "preview=100&dpi=72")
    assert pages[0]["error"] == "the server failed on this request"
    assert max(preview_of(pages[0]).size) == 100


@pytest.mark.full
@pytest.mark.parametrize("mode", ["1", "L", "I;16", "CMYK"])
def test_a_tiff_is_a_document_whatever_its_mode(gateway, http, mode):
    if mode == "I;16":
        frame = Image.fromarray(np.asarray(scanned(size=(400, 300)), np.uint16) * 257)
    else:
        frame = scanned(size=(400, 300), mode="L").convert(mode)
    pages = read(http, gateway, tiff(frame, scanned(size=(300, 400))), "preview=100")
    assert [page["page"] for page in pages] == [1, 2]
    preview = preview_of(pages[0])
    assert preview.size == (100, 75)
    assert np.asarray(preview.convert("L"))[:20].mean() > 240
    assert preview_of(pages[1]).size == (75, 100)
    assert len(read(http, gateway, tiff(scanned()), "preview=100")) == 1


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("preview=100", "preview goes with output=jsonl alone"),
        ("preview=100&output=markdown", "preview goes with output=jsonl alone"),
        ("preview=20&output=jsonl", "preview is '20'; it must be an integer from 64 to 2000"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(gateway, http, query, named):
    answer = http.post(f"{gateway}/v1/read?{query}", content=SCANS)
    assert (answer.status_code, named in answer.json()["detail"]) == (422, True), answer.text


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_password_may_have_letters_beyond_ascii(gateway, http, encoding):
    closed = io.BytesIO()
    with pikepdf.open(io.BytesIO(SCANS)) as plain:
        plain.save(closed, encryption=pikepdf.Encryption(owner="own", user="sésame"))
    pages = read(http, gateway, closed.getvalue(), "dpi=72", **{"ocdrnet-password": "sésame".encode(encoding)})
    assert [line["text"] for line in pages[1]["lines"]] == LINES
    assert pages[0]["lines"] == PAGE.to_dict()["lines"]
