"""Clients of other OCR services against a real Triton behind the gateway, or by their own command."""

import base64
import io
import json
import os
import subprocess
import sys

import boto3
import img2pdf
import pytesseract
import pytest
from google.api_core.client_options import ClientOptions
from google.cloud import vision
from liteparse import LiteParse
from mistralai.client import Mistral
from PIL import Image
from sample_truth import sample

from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

PICTURE = sample("receipt.jpg")
DOCUMENT = {"type": "image_url", "image_url": f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"}
LITELLM = """
import json, os, sys, litellm
document, base = json.load(sys.stdin), sys.argv[1]
answer = litellm.ocr(model="mistral/mistral-ocr-latest", document=document, api_key="any", api_base=base)
print(answer.model_dump_json(), flush=True)
os._exit(0)  # threads of its own may wait for long
"""


@pytest.fixture(scope="module")
def page(client):
    """What the server reads in the image."""
    read = client.read(PICTURE)
    assert len(read.lines) > 10
    return read


@pytest.fixture(scope="module")
def url(served, tmp_path_factory):
    chosen = {
        "port": 0,
        "triton": served.addresses.grpc_url,
        "store": str(tmp_path_factory.mktemp("store")),
        "interfaces": "mistral,liteparse,vision,textract",
    }
    with GatewayServer(load_settings(chosen)) as gateway:
        yield gateway.url


def words_of(page):
    return sorted(word.text for line in page.lines for word in line.words)


def test_mistral(url, page):
    with Mistral(api_key="any", server_url=url) as mistral:
        answer = mistral.ocr.process(
            model="mistral-ocr-latest", document=DOCUMENT, confidence_scores_granularity="word"
        )
    (read,) = answer.pages
    assert (read.dimensions.width, read.dimensions.height) == (page.width, page.height)
    assert sorted(word.text for word in read.confidence_scores.word_confidence_scores) == words_of(page)
    assert "\n".join(block.content for block in read.blocks) == page.text
    assert "Copper Kettle" in read.markdown


@pytest.mark.full
def test_litellm(url, page):
    """Its own `ocr`, in a process of its own: the import takes seconds and changes what others log."""
    argv = [sys.executable, "-c", LITELLM, f"{url}/v1"]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        argv, input=json.dumps(DOCUMENT), check=False, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    (read,) = answer["pages"]
    assert "Copper Kettle" in read["markdown"]
    assert read["dimensions"]["width"] == page.width
    assert answer["usage_info"]["pages_processed"] == 1


def test_liteparse(url, page):
    """It draws the page by itself, so that texts at the edge of reading may differ."""
    text = LiteParse(ocr_server_url=f"{url}/ocr", quiet=True).parse(img2pdf.convert(io.BytesIO(PICTURE))).text
    found, expected = set(text.split()), set(words_of(page))
    assert len(found & expected) >= 0.8 * len(expected), (found, expected)


def test_google_vision(url, page):
    options = ClientOptions(api_endpoint=url, api_key="any")
    client = vision.ImageAnnotatorClient(client_options=options, transport="rest")
    answer = client.document_text_detection(image=vision.Image(content=PICTURE))
    assert answer.error.code == 0
    assert sorted(each.description for each in answer.text_annotations[1:]) == words_of(page)
    assert answer.full_text_annotation.text.split() == page.text.split()
    words = [
        word
        for block in answer.full_text_annotation.pages[0].blocks
        for paragraph in block.paragraphs
        for word in paragraph.words
    ]
    for word in words:
        assert all(len(symbol.bounding_box.vertices) == 4 and symbol.confidence > 0 for symbol in word.symbols)
        (first, *_), (*_, last) = word.symbols, word.symbols
        assert first.bounding_box.vertices[0] == word.bounding_box.vertices[0]
        assert last.bounding_box.vertices[2] == word.bounding_box.vertices[2]


def test_textract(url, page):
    client = boto3.client(
        "textract",
        endpoint_url=f"{url}/textract",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    blocks = client.detect_document_text(Document={"Bytes": PICTURE})["Blocks"]
    assert [block["Text"] for block in blocks if block["BlockType"] == "LINE"] == [line.text for line in page.lines]
    assert sorted(block["Text"] for block in blocks if block["BlockType"] == "WORD") == words_of(page)


@pytest.mark.full
def test_pytesseract(served, page, tmp_path, monkeypatch):
    program = tmp_path / "ocdrnet-tesseract"
    program.write_text(f"#!{sys.executable}\nfrom ocdrnet_cli.tesseract import main\nmain()\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(program))
    monkeypatch.setenv("OCDRNET_URL", served.addresses.grpc_url)
    path = tmp_path / "receipt.png"  # without losses, as pytesseract hands an image over
    Image.open(io.BytesIO(PICTURE)).save(path)
    assert "Copper Kettle" in pytesseract.image_to_string(str(path), lang="eng")
    data = pytesseract.image_to_data(str(path), output_type=pytesseract.Output.DICT)
    assert sorted(filter(None, data["text"])) == words_of(page)
