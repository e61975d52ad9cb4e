"""Azure Document Intelligence's Read and Layout, called by its own client from PyPI."""

import base64
import functools
import http.server
import io
import json
import threading
import uuid

import pikepdf
import pypdfium2
import pytest
from azure.ai.documentintelligence import DocumentIntelligenceClient
from azure.ai.documentintelligence.models import (
    AnalyzeDocumentRequest,
    AnalyzeOutputOption,
    DocumentAnalysisFeature,
    DocumentContentFormat,
    StringIndexType,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from drawn_documents import LINES, letter, pdf, scan
from gateway_reader import BOX, PAGE, TILTED
from hosted_flow import make_key
from job_calls import PATIENT, state, until

from ocdrnet_client import Line, Page, Word
from ocdrnet_gateway.api.azure.result import ResultForm, _units, analyze_result
from ocdrnet_gateway.http_errors import UnavailableError, UnprocessableError

SCANS = pdf(scan, letter)
TEXT = PAGE.text
MODELS = "/documentintelligence/documentModels"
VERSION = "api-version=2024-11-30"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr("ocdrnet_gateway.core.documents._DRAWING_S", PATIENT)


@pytest.fixture
def url(start_gateway):
    return start_gateway(interfaces="azure,own").url


@pytest.fixture
def client(url):
    with client_of(url) as made:
        yield made


def client_of(url, key="any key", **more):
    return DocumentIntelligenceClient(url, AzureKeyCredential(key), retry_total=0, **more)


def in_span(result, span):
    return result.content[span.offset : span.offset + span.length]


def test_paperless_reads_a_scan_by_these_calls(client):
    """As its remote parser does: a PDF inline, text, a searchable PDF by the operation's id."""
    poller = client.begin_analyze_document(
        model_id="prebuilt-read",
        body=AnalyzeDocumentRequest(bytes_source=SCANS),
        output_content_format=DocumentContentFormat.TEXT,
        output=[AnalyzeOutputOption.PDF],
        content_type="application/json",
    )
    poller.wait()
    result_id = poller.details["operation_id"]
    result = poller.result()
    written = b"".join(client.get_analyze_result_pdf(model_id="prebuilt-read", result_id=result_id))
    assert result.content == "\n".join([TEXT, *LINES])
    first, second = (page.get_textpage().get_text_bounded().split() for page in pypdfium2.PdfDocument(written))
    assert {"Grüße", "你好", "tilted"} <= set(first)
    assert second == " ".join(LINES).split()


def test_a_pdf_is_measured_in_inches_and_every_span_is_true(client):
    result = client.begin_analyze_document(
        "prebuilt-read", SCANS, string_index_type=StringIndexType.UNICODE_CODE_POINT
    ).result()
    assert (result.api_version, result.model_id, result.content_format) == ("2024-11-30", "prebuilt-read", "text")
    assert [(page.page_number, page.unit) for page in result.pages] == [(1, "inch"), (2, "inch")]
    scanned, born = result.pages
    assert (scanned.width, scanned.height) == (64 / 200, 48 / 200)
    assert (born.width, born.height) == (pytest.approx(595 / 72, abs=0.01), pytest.approx(842 / 72, abs=0.01))
    assert scanned.lines[0].polygon == pytest.approx([value / 200 for point in BOX for value in point], abs=1e-4)
    assert [word.content for word in scanned.words] == ["Grüße", "你好", "tilted"]
    assert [word.confidence for word in scanned.words] == [0.5, 1.0, 0.625]
    for page in result.pages:
        (span,) = page.spans
        assert in_span(result, span) == "\n".join(line.content for line in page.lines)
        for word in page.words:
            assert in_span(result, word.span) == word.content
        for line in page.lines:
            assert in_span(result, line.spans[0]) == line.content
    assert len(result.paragraphs) >= 3
    for paragraph in result.paragraphs:
        assert "\n".join(in_span(result, span) for span in paragraph.spans) == paragraph.content
        assert len(paragraph.bounding_regions[0].polygon) == 8
    assert result.styles == []
    assert [(warning.code, warning.target) for warning in result.warnings] == [("NotSought", "styles")]


def test_an_image_is_measured_in_pixels_and_turned_text_has_its_angle(client, picture, reader):
    reader.page = Page(64, 48, (Line("tilted", 0.625, TILTED, 0.5, (Word("tilted", 0.625, TILTED),)),))
    result = client.begin_analyze_document("prebuilt-read", picture, content_type="image/png").result()
    (page,) = result.pages
    assert (page.unit, page.width, page.height) == ("pixel", 64, 48)
    assert page.angle == pytest.approx(-17.35, abs=0.1)
    assert page.words[0].polygon == [value for point in TILTED for value in point]


def test_markitdown_reads_by_these_calls(url):
    """As its converter does: a preview of Layout, Markdown, and features that this server does not have."""
    with client_of(url, api_version="2024-07-31-preview") as client:
        result = client.begin_analyze_document(
            model_id="prebuilt-layout",
            body=AnalyzeDocumentRequest(bytes_source=SCANS),
            features=[
                DocumentAnalysisFeature.FORMULAS,
                DocumentAnalysisFeature.OCR_HIGH_RESOLUTION,
                DocumentAnalysisFeature.STYLE_FONT,
            ],
            output_content_format="markdown",
        ).result()
    assert result.api_version == "2024-07-31-preview"
    assert result.content_format == "markdown"
    before, after = result.content.split("<!-- PageBreak -->")
    assert "tilted" in before
    assert all(line in after for line in LINES)
    for page in result.pages:
        for word in page.words:
            assert in_span(result, word.span) in (word.content, "")
    assert (result.tables, result.figures, result.sections, result.pages[0].selection_marks) == ([], [], [], [])
    targets = [warning.target for warning in result.warnings]
    assert targets == ["tables", "figures", "sections", "styles", "selectionMarks", "formulas", "styleFont"]


def test_pages_may_be_chosen(client, reader):
    result = client.begin_analyze_document("prebuilt-read", SCANS, pages="2").result()
    assert [page.page_number for page in result.pages] == [2]
    assert reader.calls == []
    with pytest.raises(HttpResponseError, match="there is no page 7; the document has 2") as caught:
        client.begin_analyze_document("prebuilt-read", SCANS, pages="7").result()
    assert caught.value.error.code == "InvalidRequest"


def test_a_page_that_is_not_read_fails_the_whole(client, reader):
    """Nobody who takes `content` alone would see that it lacks."""

    async def respond(call):
        raise UnprocessableError("the image is damaged")

    reader.respond = respond
    said = "page 1 was not read: the image is damaged; the others can be asked for by pages="
    poller = client.begin_analyze_document("prebuilt-read", SCANS, output=["pdf"])
    with pytest.raises(HttpResponseError, match=said) as caught:
        poller.result()
    assert (caught.value.error.code, caught.value.error.innererror["code"]) == ("InvalidRequest", "InvalidContent")
    with pytest.raises(ResourceNotFoundError, match="the analysis is failed"):
        list(client.get_analyze_result_pdf("prebuilt-read", poller.details["operation_id"]))


def test_a_document_that_cannot_be_read_fails(client, monkeypatch, reader):
    closed = io.BytesIO()
    with pikepdf.open(io.BytesIO(SCANS)) as plain:
        plain.save(closed, encryption=pikepdf.Encryption(owner="own", user="sesame"))
    with pytest.raises(HttpResponseError, match="encrypted; give its password") as caught:
        client.begin_analyze_document("prebuilt-read", closed.getvalue()).result()
    assert caught.value.error.code == "InvalidRequest"
    assert caught.value.error.innererror["code"] == "InvalidContent"

    async def respond(call):
        raise UnavailableError("the server that reads images is away")

    reader.respond = respond
    monkeypatch.setattr("ocdrnet_gateway.core.documents.PATIENCE_S", 0.1)
    with pytest.raises(HttpResponseError, match="is away") as caught:
        client.begin_analyze_document("prebuilt-read", SCANS).result()
    assert caught.value.error.code == "ServiceUnavailable"


def test_what_is_no_document_is_refused_at_once(client, reader):
    with pytest.raises(HttpResponseError, match="cannot be read") as caught:
        client.begin_analyze_document("prebuilt-read", b"no document")
    assert (caught.value.status_code, caught.value.error.innererror["code"]) == (400, "InvalidContent")
    with pytest.raises(ResourceNotFoundError, match="there is no model 'prebuilt-invoice'") as caught:
        client.begin_analyze_document("prebuilt-invoice", SCANS)
    assert caught.value.error.code == "NotFound"
    assert reader.calls == []


def test_a_key_is_needed_where_there_are_keys(start_gateway, tmp_path, picture):
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann"), make_key(path, "bob")
    url = start_gateway(keys_file=path, interfaces="azure").url
    with client_of(url) as nobody, pytest.raises(ClientAuthenticationError) as caught:
        nobody.begin_analyze_document("prebuilt-read", picture)
    assert caught.value.error.code == "401"
    assert "Ocp-Apim-Subscription-Key" in caught.value.error.message
    with client_of(url, ann) as own, client_of(url, bob) as other:
        poller = own.begin_analyze_document("prebuilt-read", picture, output=["pdf"])
        assert poller.result().content == TEXT
        result_id = poller.details["operation_id"]
        with pytest.raises(ResourceNotFoundError):
            list(other.get_analyze_result_pdf("prebuilt-read", result_id))
        assert b"".join(own.get_analyze_result_pdf("prebuilt-read", result_id)).startswith(b"%PDF-")


def test_a_result_is_deleted(client, http, url, picture):
    poller = client.begin_analyze_document("prebuilt-read", picture)
    poller.result()
    result_id = poller.details["operation_id"]
    assert state(http, url, result_id)["status"] == "done"
    with pytest.raises(ResourceNotFoundError, match="not asked for with output=pdf"):
        list(client.get_analyze_result_pdf("prebuilt-read", result_id))
    with pytest.raises(ResourceNotFoundError):
        client.delete_analyze_result("prebuilt-layout", result_id)
    client.delete_analyze_result("prebuilt-read", result_id)
    with pytest.raises(ResourceNotFoundError):
        client.delete_analyze_result("prebuilt-read", result_id)


def test_an_analysis_under_way_says_so(http, url, reader, picture):
    reader.seconds = 600
    answer = http.post(f"{url}{MODELS}/prebuilt-read:analyze?{VERSION}", content=picture)
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
    where = answer.headers["operation-location"]
    assert where.startswith(f"{url}{MODELS}/prebuilt-read/analyzeResults/")
    assert where.endswith(f"?{VERSION}")
    until(lambda: http.get(where).json()["status"] == "running")
    assert http.get(where).headers["retry-after"] == "1"
    assert http.delete(where).status_code == 204
    assert (reader.running, reader.cancelled) == (0, 1)


@pytest.fixture
def files(tmp_path, picture):
    """A web server with a picture."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "scan.png").write_bytes(picture)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "files")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_url_is_fetched_from_allowed_hosts_only(start_gateway, files):
    with client_of(start_gateway(interfaces="azure", allowed_hosts=files).url) as client:
        source = AnalyzeDocumentRequest(url_source=f"http://{files}/scan.png")
        assert client.begin_analyze_document("prebuilt-read", source).result().content == TEXT
        for address in ("http://169.254.169.254/latest/meta-data", f"http://{files}/none.png", "file:///etc/passwd"):
            with pytest.raises(HttpResponseError) as caught:
                client.begin_analyze_document("prebuilt-read", AnalyzeDocumentRequest(url_source=address))
            assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidRequest")
    closed = start_gateway(interfaces="azure").url
    with client_of(closed) as client, pytest.raises(HttpResponseError, match="calls no host for a caller"):
        client.begin_analyze_document("prebuilt-read", source)


@pytest.mark.parametrize(
    ("query", "body", "named"),
    [
        ("", b"x", "api-version is ''"),
        ("api-version=2023-07-31", b"x", "api-version is '2023-07-31'; this server has 2024-11-30 and"),
        (f"{VERSION}&pages={'1,' * 100}2", b"x", "pages has more than 200 characters; write ranges"),
        (f"{VERSION}&features=dreams", b"x", "features is 'dreams'"),
        (f"{VERSION}&output=docx", b"x", "output is 'docx'; it must be one of pdf, figures"),
        (f"{VERSION}&stringIndexType=bytes", b"x", "stringIndexType is 'bytes'"),
        (f"{VERSION}&outputContentFormat=html", b"x", "outputContentFormat is 'html'"),
        (f"{VERSION}&colour=red", b"x", "there is no parameter 'colour'"),
        (VERSION, b"", "the body is empty"),
        (VERSION, b"{}", "either base64Source or urlSource"),
        (VERSION, b'{"base64Source": "eA==", "urlSource": "http://a.example/"}', "either base64Source or urlSource"),
        (VERSION, b'{"base64Source": "*"}', "base64 cannot be read"),
        (VERSION, b'{"base64Source": 1}', "base64Source"),
        (VERSION, b'{"base64Source": ', "JSON"),
    ],
)
def test_wrong_requests_hear_what_is_wrong(http, url, query, body, named):
    headers = {"content-type": "application/json"}
    answer = http.post(f"{url}{MODELS}/prebuilt-read:analyze?{query}", content=body, headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "InvalidRequest")
    assert named in error["message"]


def test_a_host_that_is_none_is_refused_before_a_job_is_kept(http, url, reader, tmp_path):
    answer = http.post(f"{url}{MODELS}/prebuilt-read:analyze?{VERSION}", content=SCANS, headers={"host": "no host/"})
    assert (answer.status_code, "Host header" in answer.json()["error"]["message"]) == (400, True)
    assert list((tmp_path / "store").rglob("*.bin")) == []
    assert reader.calls == []


def test_other_paths_are_404_in_azures_form(http, url):
    for path in (f"{MODELS}?{VERSION}", f"{MODELS}/prebuilt-read:analyzeBatch?{VERSION}", "/documentintelligence/info"):
        answer = http.get(url + path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")
    gone = http.get(f"{url}{MODELS}/prebuilt-read/analyzeResults/{uuid.uuid4()}?{VERSION}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "NotFound")
    assert http.get(f"{url}{MODELS}/prebuilt-read/analyzeResults/x?{VERSION}").status_code == 404


def test_base64_inline_is_read(http, url, picture):
    body = {"base64Source": base64.b64encode(picture).decode()}
    answer = http.post(f"{url}{MODELS}/prebuilt-layout:analyze?{VERSION}", json=body)
    where = answer.headers["operation-location"]
    until(lambda: http.get(where).json()["status"] == "succeeded")
    assert http.get(where).json()["analyzeResult"]["content"] == TEXT


@pytest.mark.parametrize(
    ("index_type", "counts"),
    [
        ("unicodeCodePoint", {"a": 1, "e\u0301": 2, "😀": 1, "👨\u200d👩\u200d👧": 5, "🇩🇪🇫🇷": 4, "👍🏽": 2, "नि": 2}),
        ("utf16CodeUnit", {"a": 1, "e\u0301": 2, "😀": 2, "👨\u200d👩\u200d👧": 8, "🇩🇪🇫🇷": 8, "👍🏽": 4, "नि": 2}),
        ("textElements", {"a": 1, "e\u0301": 1, "😀": 1, "👨\u200d👩\u200d👧": 1, "🇩🇪🇫🇷": 2, "👍🏽": 1, "नि": 1}),
    ],
)
def test_offsets_count_what_is_asked_for(index_type, counts):
    assert {text: _units(text, index_type)[-1] for text in counts} == counts


@pytest.mark.parametrize("index_type", ["textElements", "utf16CodeUnit"])
def test_spans_count_so_over_pages(tmp_path, index_type):
    words = ["😀", "e\u0301a", "b"]
    line = Line(" ".join(words), 1.0, BOX, 1.0, tuple(Word(word, 1.0, BOX) for word in words))
    page = {"dpi": 0, "angle": 0, "text_source": "ocr", "seconds": 0, **Page(64, 48, (line,)).to_dict()}
    path = tmp_path / "pages"
    path.write_text("".join(json.dumps({"page": number, **page}) + "\n" for number in (1, 2)))
    form = ResultForm("prebuilt-read", index_type)
    result = json.loads("".join(analyze_result(form, path)))
    units = ["😀", " ", "é", "a", " ", "b", "\n", "😀", " ", "é", "a", " ", "b"]
    for page in result["pages"]:
        for word in page["words"]:
            begin, end = word["span"]["offset"], word["span"]["offset"] + word["span"]["length"]
            if index_type == "textElements":
                said = "".join(units[begin:end]).replace("é", "e\u0301")
            else:
                said = result["content"].encode("utf-16-le")[2 * begin : 2 * end].decode("utf-16-le")
            assert said == word["content"]
