"""`POST /v1/read` with documents: page by page, in every format, under the limits that images have."""

import asyncio
import io
import json
import threading
from pathlib import Path

import httpx
import pikepdf
import pypdfium2
import pytest
from drawn_documents import LINES, letter, page_workers, pdf, scan, scanned, tiff
from gateway_reader import PAGE

from ocdrnet_gateway.core.documents import DRAWING_BYTES
from ocdrnet_gateway.http_errors import ReaderFailedError, UnprocessableError

SCANS = pdf(scan, letter, scan)
NDJSON = {"accept": "application/x-ndjson"}


@pytest.fixture(autouse=True)
def no_process_is_left(until):
    yield
    until(lambda: not page_workers())


def post(http, url, body=SCANS, query="", **headers):
    return http.post(
        f"{url}/v1/read{query}", content=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def test_a_pdf_is_read_page_by_page(gateway, http, reader):
    answer = post(http, gateway, query="?min_text_score=0.5&dpi=72")
    body = answer.json()
    assert (answer.status_code, body["page_count"], body["pages_read"]) == (200, 3, 3)
    assert [page["page"] for page in body["pages"]] == [1, 2, 3]
    assert [page["text_source"] for page in body["pages"]] == ["ocr", "text_layer", "ocr"]
    assert body["pages"][0]["lines"] == PAGE.to_dict()["lines"]
    assert [line["text"] for line in body["pages"][1]["lines"]] == LINES
    assert [call.options for call in reader.calls] == [{"min_text_score": 0.5}] * 2


def test_pages_are_sent_as_they_are_read(start_gateway, http, reader):
    reader.seconds = 0.01
    url = start_gateway().url
    with http.stream("POST", f"{url}/v1/read?text_layer=ocr&dpi=72", content=SCANS, headers=NDJSON) as answer:
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.headers["x-ocdrnet-pages"] == "3"
        pages = [json.loads(line) for line in answer.iter_lines()]
    assert [page["page"] for page in pages] == [1, 2, 3]
    assert all(page["lines"] == PAGE.to_dict()["lines"] for page in pages)


def test_the_first_page_comes_before_the_last_is_read(start_gateway, http, reader):
    go_on, waited = threading.Event(), []

    async def respond(call):
        if len(reader.calls) > 1:
            waited.append(await asyncio.to_thread(go_on.wait, 10))
        return PAGE

    reader.respond = respond
    url = start_gateway().url
    with http.stream("POST", f"{url}/v1/read?text_layer=ocr&dpi=72", content=SCANS, headers=NDJSON) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines))["page"] == 1
        go_on.set()
        assert [json.loads(line)["page"] for line in lines] == [2, 3]
    assert waited == [True, True], "the first page came after the others"


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "media_type", "sign"),
    [
        ("text", "text/plain; charset=utf-8", "\f"),
        ("markdown", "text/markdown; charset=utf-8", LINES[0]),
        ("tsv", "text/tab-separated-values; charset=utf-8", "level\tpage_num"),
        ("hocr", "application/xhtml+xml", "ocrx_word"),
        ("alto", "application/xml", "<alto"),
        ("jsonl", "application/x-ndjson", '"page": 3'),
    ],
)
def test_every_format_may_be_asked_for(gateway, http, name, media_type, sign):
    answer = post(http, gateway, query=f"?output={name}&dpi=72")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert sign in answer.text


@pytest.mark.full
def test_the_accept_header_names_a_format(gateway, http, picture):
    assert LINES[0] in post(http, gateway, accept="text/html;q=0.5, text/markdown").text
    for accept in ("*/*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/plain", ""):
        assert post(http, gateway, accept=accept).json()["page_count"] == 3
    assert post(http, gateway, picture, accept="text/tab-separated-values").text.startswith("level\t")


def test_an_image_may_be_answered_in_any_format(gateway, http, picture):
    answer = post(http, gateway, picture, query="?output=hocr")
    assert answer.headers["content-type"] == "application/xhtml+xml"
    assert 'class="ocr_page"' in answer.text
    assert post(http, gateway, picture, query="?output=text").text == PAGE.text + "\n"


def test_a_tiff_is_read_page_by_page_where_pages_are_named(gateway, http, reader):
    data = tiff(scanned(size=(40, 20)), scanned(size=(50, 20)), scanned(size=(60, 20)))
    assert "page_count" not in post(http, gateway, data).json()
    assert [page["page"] for page in post(http, gateway, data, query="?pages=2-").json()["pages"]] == [2, 3]
    assert len(reader.calls) == 3


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?pages=9", "there is no page 9; the document has 3"),
        ("?pages=x", "'x' is no page and no range"),
        ("?dpi=20", "dpi is '20'; it must be a number from 36 to 1200"),
        ("?text_layer=no", "text_layer is 'no'; it must be one of auto, ocr, trust"),
        ("?output=docx", "output is 'docx'; it must be one of json, "),
    ],
)
def test_wrong_choices_are_refused_by_name(gateway, http, reader, query, named):
    answer = post(http, gateway, query=query)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert named in answer.json()["detail"]
    assert reader.calls == []


def test_damaged_and_closed_documents_are_refused(gateway, http):
    answer = post(http, gateway, b"%PDF-1.7 nothing")
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "the document (16 bytes) cannot be read: the PDF is damaged, or is none",
    )
    closed = io.BytesIO()
    with pikepdf.open(io.BytesIO(SCANS)) as plain:
        plain.save(closed, encryption=pikepdf.Encryption(owner="own", user="sesame"))
    assert "encrypted; give its password" in post(http, gateway, closed.getvalue()).json()["detail"]
    assert post(http, gateway, closed.getvalue(), ocdrnet_password="sesame").json()["pages_read"] == 3


def failing(reader, error, calls=100):
    """The first calls fail."""

    async def respond(call):
        if len(reader.calls) <= calls:
            raise error
        return PAGE

    reader.respond = respond


def test_a_page_that_fails_costs_that_page_only(gateway, http, reader):
    failing(reader, ReaderFailedError("the server failed on this request"), 1)
    body = post(http, gateway, query="?text_layer=ocr&dpi=72").json()
    assert body["pages"][0]["error"] == "the server failed on this request"
    assert (body["page_count"], body["pages_read"]) == (3, 2)


def test_every_page_is_paid_for(start_gateway, http, picture):
    url = start_gateway(rate_per_minute=4).url
    assert post(http, url).json()["pages_read"] == 3
    assert post(http, url, picture).status_code == 200
    refused = post(http, url, query="?pages=1")
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")


def test_a_document_of_more_pages_than_a_minute_allows_is_refused(start_gateway, http, reader):
    answer = post(http, start_gateway(rate_per_minute=2).url, **NDJSON)
    assert (answer.status_code, "send at most 2 in one request" in answer.json()["detail"]) == (429, True)
    assert reader.calls == []


def test_a_page_that_the_server_could_not_read_is_given_back(start_gateway, http, reader):
    failing(reader, ReaderFailedError("no"), 3)
    url = start_gateway(rate_per_minute=3).url
    assert post(http, url, query="?text_layer=ocr&dpi=72").json()["pages_read"] == 0
    assert post(http, url, query="?text_layer=ocr&dpi=72").json()["pages_read"] == 3


def test_a_page_at_fault_is_paid_for(start_gateway, http, reader):
    failing(reader, UnprocessableError("no"))
    url = start_gateway(rate_per_minute=3).url
    assert post(http, url, query="?text_layer=ocr&dpi=72").json()["pages_read"] == 0
    assert post(http, url, query="?text_layer=ocr&dpi=72").status_code == 429


def test_too_many_pages_are_refused(start_gateway, http):
    answer = post(http, start_gateway(max_document_pages=2).url)
    assert (answer.status_code, "has 3 pages; the limit is 2" in answer.json()["detail"]) == (422, True)


def test_a_document_waits_for_its_place(start_gateway, http, reader):
    reader.seconds = 0.2
    url = start_gateway(max_documents=1).url
    answers = []

    def ask():
        answers.append(httpx.post(f"{url}/v1/read?text_layer=ocr&dpi=72", content=SCANS, timeout=60, trust_env=False))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    most = 0
    while any(thread.is_alive() for thread in threads):
        most = max(most, len(page_workers()))
        threads[0].join(0.02)
        threads[-1].join(0.02)
    assert [answer.status_code for answer in answers] == [200] * 3
    assert most == 1


@pytest.mark.parametrize(
    ("query", "bytes_of_a_word", "bytes_of_a_letter"),
    [("", 2_000, 0), ("&output=pdf", 2_000, 0), ("&output=text", 0, 0), ("&characters=on", 2_000, 2_000)],
)
def test_the_words_of_an_answer_that_is_kept_whole_take_memory(
    start_gateway, http, until, query, bytes_of_a_word, bytes_of_a_letter
):
    server, most = start_gateway(), []
    memory = server._server.config.app.state.services.memory
    change = memory.change_bodies
    memory.change_bodies = lambda growth: (change(growth), most.append(memory._bodies))
    assert post(http, server.url, query=f"?text_layer=ocr&dpi=72{query}").status_code == 200
    words = [word for line in PAGE.lines for word in line.words]
    expected = len(words) * bytes_of_a_word + sum(len(word.text) for word in words) * bytes_of_a_letter
    assert max(most) == 3 * len(SCANS) + DRAWING_BYTES + 3 * expected
    until(lambda: memory.held == 0)


def test_pages_wait_where_others_fill_the_queue(start_gateway, http, reader):
    reader.seconds = 0.05
    url = start_gateway(max_in_flight=1, max_waiting=1).url
    body = post(http, url, query="?text_layer=ocr&dpi=72").json()
    assert body["pages_read"] == 3


def test_a_caller_that_leaves_ends_its_document(start_gateway, http, reader, until):
    reader.seconds = 20
    url = start_gateway().url
    with pytest.raises(httpx.ReadTimeout):
        http.post(f"{url}/v1/read?text_layer=ocr&dpi=72", content=SCANS, headers=NDJSON, timeout=1.5)
    until(lambda: not page_workers())


def test_a_caller_that_leaves_in_the_middle_ends_its_document(start_gateway, http, reader, until):
    go_on = threading.Event()

    async def respond(call):
        if len(reader.calls) > 1:
            await asyncio.to_thread(go_on.wait, 10)
        return PAGE

    reader.respond = respond
    url = start_gateway(concurrency=1).url
    with http.stream("POST", f"{url}/v1/read?text_layer=ocr&dpi=72", content=SCANS, headers=NDJSON) as answer:
        lines = answer.iter_lines()  # kept: httpx closes the answer with it
        assert json.loads(next(lines))["page"] == 1
        assert page_workers()
    until(lambda: not page_workers())
    go_on.set()
    # Its place is free, and so is the caller's own.
    until(lambda: post(http, url, query="?pages=2").status_code == 200)


@pytest.mark.parametrize("query", ["", "?output=jsonl", "?output=pdf"])
def test_a_document_without_pages_is_refused(gateway, http, query):
    empty = io.BytesIO()
    with pikepdf.new() as nothing:
        nothing.save(empty)
    answer = post(http, gateway, empty.getvalue(), query=query)
    assert (answer.status_code, "has no pages" in answer.json()["detail"]) == (422, True)


def words_of(data):
    return [page.get_textpage().get_text_bounded().split() for page in pypdfium2.PdfDocument(data)]


@pytest.mark.parametrize("how", [{"query": "?output=pdf&dpi=72"}, {"query": "?dpi=72", "accept": "application/pdf"}])
def test_a_searchable_pdf_may_be_asked_for(gateway, http, how):
    answer = post(http, gateway, **how)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    first, second, third = words_of(answer.content)
    assert {"Grüße", "你好", "tilted"} <= set(first)
    assert first == third
    assert second == " ".join(LINES).split()


def test_an_image_may_be_answered_as_a_searchable_pdf(gateway, http, picture):
    answer = post(http, gateway, picture, query="?output=pdf")
    assert answer.status_code == 200
    assert "Grüße" in words_of(answer.content)[0]


def test_a_signed_pdf_is_not_changed(gateway, http):
    signed = io.BytesIO()
    with pikepdf.open(io.BytesIO(SCANS)) as plain:
        value = pikepdf.Dictionary(Type=pikepdf.Name.Sig, ByteRange=pikepdf.Array([0, 1, 2, 3]), Contents=b"x")
        field = plain.make_indirect(pikepdf.Dictionary(FT=pikepdf.Name.Sig, T="s", V=value))
        plain.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([field]), SigFlags=3)
        plain.save(signed)
    answer = post(http, gateway, signed.getvalue(), query="?output=pdf&dpi=72")
    assert (answer.status_code, "signed" in answer.json()["detail"]) == (422, True)
    assert post(http, gateway, signed.getvalue(), query="?dpi=72").status_code == 200


def test_a_heic_may_be_answered_as_a_searchable_pdf(gateway, http):
    heic = (Path(__file__).parents[2] / "ops" / "pictures" / "turned.heic").read_bytes()
    answer = post(http, gateway, heic, query="?output=pdf")
    assert answer.status_code == 200
    assert "Grüße" in words_of(answer.content)[0]
