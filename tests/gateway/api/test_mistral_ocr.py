"""Mistral OCR by its client `mistralai`, and by the calls of Open WebUI's and LibreChat's loaders."""

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from drawn_documents import LINES, letter, page_workers, pdf, scan, scanned, tiff
from gateway_nim import data_url, nim_body
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.http_errors import OverloadedError, ReaderFailedError

SCANS = pdf(scan, letter, scan)
MARKDOWN = "Grüße 你好\n\ntilted"


@pytest.fixture(autouse=True)
def no_process_is_left(until):
    yield
    until(lambda: not page_workers())


@pytest.fixture
def url(start_gateway):
    return start_gateway(interfaces="nim,mistral").url


@pytest.fixture
def mistral(url):
    with Mistral(api_key="any", server_url=url) as client:
        yield client


def pdf_url(data):
    return f"data:application/pdf;base64,{base64.b64encode(data).decode()}"


def image_document(picture):
    return {"type": "image_url", "image_url": data_url(picture)}


def read(mistral, document, **more):
    return mistral.ocr.process(model="mistral-ocr-latest", document=document, **more)


def test_an_image(mistral, picture, reader):
    answer = read(mistral, image_document(picture), confidence_scores_granularity="word")
    (page,) = answer.pages
    assert (page.index, page.markdown, page.images) == (0, MARKDOWN, [])
    assert (page.dimensions.width, page.dimensions.height, page.dimensions.dpi) == (64, 48, 72)
    assert (answer.usage_info.pages_processed, answer.usage_info.doc_size_bytes) == (1, len(picture))
    scores = page.confidence_scores
    assert scores.minimum_page_confidence_score == 0.5
    assert scores.average_page_confidence_score == pytest.approx((0.5 + 1 + 0.625) / 3)
    words = scores.word_confidence_scores
    assert [(word.text, word.confidence) for word in words] == [("Grüße", 0.5), ("你好", 1.0), ("tilted", 0.625)]
    assert [MARKDOWN[word.start_index :][: len(word.text)] for word in words] == ["Grüße", "你好", "tilted"]
    first, second = page.blocks
    assert (first.type, first.content) == ("text", "Grüße 你好")
    assert (first.top_left_x, first.top_left_y, first.bottom_right_x, first.bottom_right_y) == (8, 6, 56, 18)
    assert second.content == "tilted"
    assert [call.image for call in reader.calls] == [picture]


def test_blocks_have_confidence_where_it_is_asked_for_and_may_be_left_out(mistral, picture):
    blocks = read(mistral, image_document(picture), confidence_scores_granularity="block").pages[0].blocks
    assert blocks[0].confidence_scores.average_content_confidence_score == 0.75
    assert blocks[0].confidence_scores.minimum_content_confidence_score == 0.5
    page = read(mistral, image_document(picture), include_blocks=False).pages[0]
    assert not page.blocks
    assert not page.confidence_scores


def test_a_pdf_by_data_url(mistral, reader):
    answer = read(mistral, {"type": "document_url", "document_url": pdf_url(SCANS)})
    assert [page.index for page in answer.pages] == [0, 1, 2]
    assert answer.pages[0].markdown == MARKDOWN
    assert all(line in answer.pages[1].markdown.replace("\n", " ") for line in LINES[:1])
    assert {page.dimensions.dpi for page in answer.pages} == {200}
    assert len(reader.calls) == 2


@pytest.mark.full
@pytest.mark.parametrize(
    ("pages", "indices"), [([2, 0], [0, 2]), ("1", [1]), ("0-1", [0, 1]), (" 0, 2-2", [0, 2]), ("", [0, 1, 2])]
)
def test_pages_count_from_zero(mistral, pages, indices):
    answer = read(mistral, {"type": "document_url", "document_url": pdf_url(SCANS)}, pages=pages)
    assert [page.index for page in answer.pages] == indices
    assert answer.usage_info.pages_processed == len(indices)


def test_a_tiff_of_several_pages_is_read_whole(mistral):
    data = base64.b64encode(tiff(scanned(size=(40, 20)), scanned(size=(50, 20)))).decode()
    answer = read(mistral, {"type": "image_url", "image_url": {"url": f"data:image/tiff;base64,{data}"}})
    assert [page.index for page in answer.pages] == [0, 1]


def test_an_uploaded_file_is_read_by_its_id_and_by_its_signed_url(mistral, http):
    file = mistral.files.upload(file={"file_name": "Müller.pdf", "content": SCANS}, purpose="ocr")
    assert (file.filename, file.size_bytes, file.purpose) == ("Müller.pdf", len(SCANS), "ocr")
    assert mistral.files.retrieve(file_id=file.id).size_bytes == len(SCANS)
    assert [each.id for each in mistral.files.list().data] == [file.id]
    assert mistral.files.download(file_id=file.id).read() == SCANS
    signed = mistral.files.get_signed_url(file_id=file.id, expiry=1).url
    assert http.get(signed).content == SCANS
    by_id = read(mistral, {"type": "file", "file_id": file.id})
    by_url = read(mistral, {"type": "document_url", "document_url": signed})
    assert [page.markdown for page in by_id.pages] == [page.markdown for page in by_url.pages]
    assert mistral.files.delete(file_id=file.id).deleted
    for document in ({"type": "file", "file_id": file.id}, {"type": "document_url", "document_url": signed}):
        with pytest.raises(SDKError, match="there is no such file"):
            read(mistral, document)


def test_a_signed_url_is_not_bent(mistral, http):
    file = mistral.files.upload(file={"file_name": "a.pdf", "content": SCANS}, purpose="ocr")
    signed = mistral.files.get_signed_url(file_id=file.id).url
    for bent in (signed[:-1] + ("0" if signed[-1] != "0" else "1"), signed.replace("expires=", "expires=9")):
        assert http.get(bent).status_code == 403
        with pytest.raises(SDKError, match="Status 403"):
            read(mistral, {"type": "document_url", "document_url": bent})


def create(path, name):
    return CliRunner().invoke(keys, ["create", name, "--file", str(path)]).stdout.strip()


def test_keys_and_other_callers_files(start_gateway, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = create(path, "ann"), create(path, "bob")
    url = start_gateway(interfaces="nim,mistral", keys_file=path).url
    with Mistral(api_key=ann, server_url=url) as first, Mistral(api_key=bob, server_url=url) as second:
        file = first.files.upload(file={"file_name": "a.pdf", "content": SCANS}, purpose="ocr")
        assert len(read(first, {"type": "file", "file_id": file.id}).pages) == 3
        assert second.files.list().data == []
        with pytest.raises(SDKError, match="there is no such file"):
            read(second, {"type": "file", "file_id": file.id})
        with pytest.raises(SDKError, match="there is no such file"):
            second.files.delete(file_id=file.id)
    with Mistral(api_key="wrong", server_url=url) as nobody:
        for call in (lambda: read(nobody, {"type": "file", "file_id": file.id}), nobody.files.list):
            with pytest.raises(SDKError, match="a key is needed") as caught:
                call()
            assert caught.value.status_code == 401


def test_a_stranger_is_refused_before_the_body(start_gateway, http, tmp_path):
    path = tmp_path / "keys.json"
    create(path, "ann")
    url = start_gateway(interfaces="mistral", keys_file=path).url
    for where in ("/v1/ocr", "/v1/files"):
        answer = http.post(url + where, content=b"no JSON and no form")
        assert answer.status_code == 401
        assert "a key is needed" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"table_format": "html"}, "table_format"),
        ({"document_annotation_prompt": "sum it up"}, "document_annotation_prompt"),
        ({"pages": "2-1"}, "pages"),
        ({"pages": [-1]}, "pages"),
        ({"pages": [0, 10_000_000]}, "pages"),
    ],
)
def test_what_is_not_done_is_refused_by_its_field(mistral, picture, reader, more, named):
    with pytest.raises(HTTPValidationError) as caught:
        read(mistral, image_document(picture), **more)
    assert named in caught.value.data.detail[0].loc
    assert reader.calls == []


def test_an_annotation_is_refused(url, http, picture):
    body = {"document": image_document(picture), "document_annotation_format": {"type": "json_schema"}}
    answer = http.post(f"{url}/v1/ocr", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "document_annotation_format"]


def test_an_unknown_model_is_refused(mistral, picture):
    with pytest.raises(SDKError, match="there is no model 'gpt-9'") as caught:
        mistral.ocr.process(model="gpt-9", document=image_document(picture))
    assert caught.value.status_code == 400


@pytest.mark.parametrize("data", [b"no image", b"%PDF-1.7 damaged", b"PK\3\4docx"])
def test_what_is_not_read_is_refused(mistral, reader, data):
    with pytest.raises(HTTPValidationError, match="cannot be read"):
        read(mistral, {"type": "document_url", "document_url": pdf_url(data)})
    assert reader.calls == []


def test_pages_that_are_not_there_and_too_many_pages(start_gateway, mistral, http):
    with pytest.raises(HTTPValidationError, match=r"there is no page 9.*from 0"):
        read(mistral, {"type": "document_url", "document_url": pdf_url(SCANS)}, pages=[8])
    few = start_gateway(interfaces="mistral", max_document_pages=2).url
    answer = http.post(f"{few}/v1/ocr", json={"document": {"document_url": pdf_url(SCANS)}})
    assert (answer.status_code, answer.json()["detail"][0]["msg"].count("3 pages; the limit is 2")) == (422, 1)


@pytest.mark.parametrize("error", [ReaderFailedError("it failed"), OverloadedError("it is busy", 7)])
def test_a_page_that_fails_is_no_page_without_text(url, http, reader, error):
    """Mistral's answer has no place for it, so none is given: nobody shall take it for an empty page."""

    async def respond(call):
        raise error

    reader.respond = respond
    answer = http.post(f"{url}/v1/ocr", json={"document": {"document_url": pdf_url(SCANS)}})
    assert answer.status_code == error.status
    assert answer.json()["detail"].startswith("page 1: it ")


def test_every_page_is_paid_for(start_gateway, http, reader):
    url = start_gateway(interfaces="mistral", rate_per_minute=2).url
    body = {"document": {"document_url": pdf_url(SCANS)}}
    refused = http.post(f"{url}/v1/ocr", json=body)
    assert (refused.status_code, reader.calls) == (429, [])
    assert int(refused.headers["retry-after"]) >= 1
    assert http.post(f"{url}/v1/ocr", json={**body, "pages": "0,2"}).status_code == 200
    assert http.post(f"{url}/v1/ocr", json={**body, "pages": "0"}).status_code == 429


class Remote(BaseHTTPRequestHandler):
    content = SCANS

    def do_GET(self):
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("location", "/scan.pdf")
        self.send_header("content-length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


@pytest.fixture
def remote():
    server = HTTPServer(("127.0.0.1", 0), Remote)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever, 0.01)
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
    server.server_close()


def test_a_url_is_fetched_from_allowed_hosts_only(start_gateway, http, remote):
    def ask(gateway, url):
        return http.post(f"{gateway}/v1/ocr", json={"document": {"document_url": url}})

    closed, opened = (start_gateway(interfaces="mistral", allowed_hosts=hosts).url for hosts in ("", remote))
    refused = ask(closed, f"http://{remote}/scan.pdf")
    assert refused.status_code == 422
    assert "operator" in refused.json()["detail"][0]["msg"]
    assert len(ask(opened, f"http://{remote}/scan.pdf").json()["pages"]) == 3
    for url in ("http://169.254.169.254/", "file:///etc/passwd", f"http://{remote}/moved", "http://localhost:1/x"):
        assert ask(opened, url).status_code == 422, url
    small = start_gateway(interfaces="mistral", allowed_hosts=remote, max_upload_bytes=1024).url
    assert ask(small, f"http://{remote}/scan.pdf").status_code == 413


def test_a_body_is_not_kept_where_its_url_is_taken_apart(url, http):
    urlsplit.cache_clear()
    for character in "xyz":
        answer = http.post(f"{url}/v1/ocr", json={"document": {"document_url": character * 1_000_000}})
        assert answer.status_code == 422
    assert urlsplit.cache_info().currsize <= 1, "of the request's own URL"


@pytest.mark.parametrize("served", ["nim", "mistral", "nim,mistral"])
def test_the_body_tells_whose_path_it_is(start_gateway, http, picture, served):
    url = start_gateway(interfaces=served).url
    nim = http.post(f"{url}/v1/ocr", json=nim_body(picture))
    mistral = http.post(f"{url}/v1/ocr", json={"document": image_document(picture)})
    assert (nim.status_code, mistral.status_code) == (200 if "nim" in served else 422, 200 if "mis" in served else 422)
    if "nim" in served:
        assert nim.json()["data"][0]["index"] == 0
    if "mis" in served:
        assert mistral.json()["pages"][0]["markdown"] == MARKDOWN
    # Whose it is cannot be told, and the path was the NIM's first.
    both = http.post(f"{url}/v1/ocr", json={**nim_body(picture), "document": image_document(picture)})
    assert ("data" in both.json()) == ("nim" in served)


@pytest.mark.parametrize(("body", "loc"), [({}, ["body", "input"]), ({"document": {}}, ["body", "document"])])
def test_errors_name_the_field_of_the_interface_that_was_meant(url, http, body, loc):
    answer = http.post(f"{url}/v1/ocr", json=body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, loc)


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ({"files": {"file": ("a.pdf", b"")}}, "empty"),
        ({"files": {"document": ("a.pdf", b"x")}}, "no file in 'file'"),
        ({"files": {"file": ("a.pdf", b"x")}, "data": {"purpose": "fine-tune"}}, "fine-tune"),
        ({"files": {"file": ("a.pdf", b"x")}, "data": {"expiry": "0"}}, "expiry"),
        ({"files": [("file", ("a", b"x")), ("file", ("b", b"y"))]}, "Too many files"),
        ({"json": {}}, "takes a form"),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, "boundary"),
    ],
)
def test_wrong_uploads_are_refused(url, http, form, named):
    answer = http.post(f"{url}/v1/files", **form)
    assert answer.status_code == 422
    assert named in answer.json()["detail"][0]["msg"]
    assert answer.json()["message"] == answer.json()["detail"][0]["msg"], "LibreChat cannot show a list"


def test_an_expiry_shortens_a_files_life(url, http):
    file = http.post(f"{url}/v1/files", files={"file": ("a.pdf", b"x")}, data={"expiry": "1"}).json()
    assert file["expires_at"] - file["created_at"] == 3600
    assert file["expires_at"] <= time.time() + 3600


def bearer():
    return {"authorization": "Bearer any"}


def test_open_webui(url, http):
    """What `open_webui/retrieval/loaders/mistral.py` sends: upload, signed URL, OCR, delete; and the data URL."""
    files = {"file": ("report.pdf", SCANS, "application/pdf")}
    uploaded = http.post(f"{url}/v1/files", headers=bearer(), files=files, data={"purpose": "ocr"})
    assert uploaded.headers["content-type"] == "application/json"
    file_id = uploaded.json()["id"]
    accept = {**bearer(), "accept": "application/json"}
    signed = http.get(f"{url}/v1/files/{file_id}/url", headers=accept, params={"expiry": 1}).json()["url"]
    for document_url in (signed, pdf_url(SCANS)):
        body = {
            "model": "mistral-ocr-latest",
            "document": {"type": "document_url", "document_url": document_url},
            "include_image_base64": False,
        }
        pages = http.post(f"{url}/v1/ocr", headers=accept, json=body).json()["pages"]
        assert [page["index"] for page in pages] == [0, 1, 2]
        assert all(page["markdown"].strip() for page in pages)
    assert http.delete(f"{url}/v1/files/{file_id}", headers=bearer()).json()["deleted"]


@pytest.mark.parametrize("kind", ["document_url", "image_url"])
def test_librechat(url, http, picture, kind):
    """What `packages/api/src/files/mistral/crud.ts` sends; of an error it shows `detail` and `message`."""
    content = SCANS if kind == "document_url" else picture
    uploaded = http.post(f"{url}/v1/files", headers=bearer(), data={"purpose": "ocr"}, files={"file": ("a", content)})
    file_id = uploaded.json()["id"]
    signed = http.get(f"{url}/v1/files/{file_id}/url?expiry=24", headers=bearer()).json()["url"]
    body = {
        "model": "mistral-ocr-latest",
        "image_limit": 0,
        "include_image_base64": False,
        "document": {"type": kind, kind: signed},
    }
    answer = http.post(f"{url}/v1/ocr", headers=bearer(), json=body).json()
    assert answer["pages"][0]["markdown"] == MARKDOWN
    assert answer["pages"][0]["images"] == []
    assert http.delete(f"{url}/v1/files/{file_id}", headers=bearer()).status_code == 200
    assert isinstance(http.post(f"{url}/v1/ocr", headers=bearer(), json=body).json()["detail"], str)
    body["document"][kind] = "data:application/pdf;base64,bm90aGluZw=="
    refused = http.post(f"{url}/v1/ocr", headers=bearer(), json=body).json()
    assert refused["message"] == refused["detail"][0]["msg"]
