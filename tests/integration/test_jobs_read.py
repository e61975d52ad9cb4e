"""Jobs of the gateway, and Azure's own client, before a real Triton: the words of a drawn PDF, and its copy."""

import httpx
import pypdfium2
import pytest
from azure.ai.documentintelligence import DocumentIntelligenceClient
from azure.ai.documentintelligence.models import AnalyzeDocumentRequest
from azure.core.credentials import AzureKeyCredential
from drawn_documents import LINES, letter, pdf, scan
from job_calls import ended, result, submit

from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

WORDS = [word for line in LINES for word in line.split()]
DOCUMENT = pdf(scan, letter)


@pytest.fixture(scope="module")
def gateway(served, tmp_path_factory):
    store = str(tmp_path_factory.mktemp("jobs"))
    chosen = {"port": 0, "triton": served.addresses.grpc_url, "store": store, "interfaces": "own,azure"}
    with GatewayServer(load_settings(chosen)) as server:
        yield server.url


def found(text):
    said = text.split()
    return sum(word in said for word in WORDS) / len(WORDS)


def test_a_job_reads_a_document(gateway):
    with httpx.Client(trust_env=False, timeout=60) as http:
        job = submit(http, gateway, DOCUMENT, "?output=pdf")
        over = ended(http, gateway, job)
        assert (over["status"], over["pages_done"], over["pages_failed"]) == ("done", 2, 0)
        pages = result(http, gateway, job, "json").json()["pages"]
        searchable = pypdfium2.PdfDocument(result(http, gateway, job).content)
    assert [page["text_source"] for page in pages] == ["ocr", "text_layer"]
    for page in pages:
        assert found(" ".join(line["text"] for line in page["lines"])) >= 0.98
    assert found(searchable[0].get_textpage().get_text_bounded()) >= 0.98


@pytest.mark.full
@pytest.mark.parametrize(("model", "form"), [("prebuilt-read", "text"), ("prebuilt-layout", "markdown")])
def test_azures_client_reads_a_document(gateway, model, form):
    with DocumentIntelligenceClient(gateway, AzureKeyCredential("any key")) as client:
        poller = client.begin_analyze_document(
            model, AnalyzeDocumentRequest(bytes_source=DOCUMENT), output=["pdf"], output_content_format=form
        )
        read = poller.result()
        searchable = b"".join(client.get_analyze_result_pdf(model, poller.details["operation_id"]))
    assert found(read.content) >= 0.98
    assert [page.unit for page in read.pages] == ["inch", "inch"]
    assert read.pages[0].width == pytest.approx(595 / 72, abs=0.02)
    spans = [(word.span.offset, word.span.length, word.content) for page in read.pages for word in page.words]
    true = sum(read.content[start : start + length] == text for start, length, text in spans)
    assert true >= 0.98 * len(spans)
    assert found(pypdfium2.PdfDocument(searchable)[0].get_textpage().get_text_bounded()) >= 0.98
