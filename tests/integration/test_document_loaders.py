"""markitdown, LangChain's and Open WebUI's loaders, as they are on PyPI, by the gateway before a real Triton."""

from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from drawn_documents import LINES, letter, pdf, scan, scanned
from own_environment import InstallError, answers, install
from sample_truth import SAMPLES
from text_distance import character_error_rate

from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

pytestmark = pytest.mark.full  # Open WebUI is 106 MB, and imports for seconds

REQUIREMENTS = Path(__file__).with_name("loaders-requirements.txt")
READER = Path(__file__).with_name("loader_reader.py")
SECOND = ["A second page", "that has two lines"]
FIRST_TEXT, SECOND_TEXT = " ".join(LINES), " ".join(SECOND)
ENGINE = "rag.content_extraction_engine"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    try:
        return install(tmp_path_factory.mktemp("loaders"), REQUIREMENTS)
    except InstallError as error:
        pytest.skip(f"the loaders cannot be installed here: {str(error).splitlines()[-1]}")


@pytest.fixture(scope="module")
def key_and_url(served, tmp_path_factory):
    """A gateway that wants keys: each tool has to send its own where the gateway looks for it."""
    folder = tmp_path_factory.mktemp("gateway")
    key = CliRunner().invoke(keys, ["create", "loaders", "--file", str(folder / "keys.json")]).stdout.strip()
    chosen = {
        "port": 0,
        "triton": served.addresses.grpc_url,
        "store": str(folder / "store"),
        "keys_file": folder / "keys.json",
        "interfaces": "azure,mistral",
    }
    with GatewayServer(load_settings(chosen)) as gateway:
        yield key, gateway.url


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """A scan of two pages, one with text of its own, and a photo."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "scan.pdf").write_bytes(pdf(scan, lambda paper: scan(paper, scanned(SECOND))))
    (folder / "letter.pdf").write_bytes(pdf(letter))
    return {path.name: str(path) for path in (*folder.iterdir(), SAMPLES / "receipt.jpg")}


@pytest.fixture(scope="module")
def read(python, key_and_url):
    """What a tool made of each file; none of it asked another machine."""
    key, url = key_and_url

    def answers_of(tool, *reads):
        *read, last = answers(python, READER, {"tool": tool, "url": url, "key": key, "reads": reads})
        assert last == {"outside": []}
        assert len(read) == len(reads)
        return read

    return answers_of


def texts(answer):
    """Of a file's documents, without Markdown's hard breaks of lines."""
    assert "error" not in answer, answer
    return [text.replace("\\\n", "\n") for text, _ in answer["documents"]]


def assert_reads(text, expected):
    assert character_error_rate(text, expected) < 0.03, text


def test_markitdown(read, documents):
    """With a wrong key an image is left to markitdown's own reading, which is none."""
    names, wrong = ("scan.pdf", "letter.pdf", "receipt.jpg"), {"key": "wrong"}
    reads = [[documents[name], options] for options in ({}, wrong) for name in names]
    *good, refused, _, empty = read("markitdown", *reads)
    two_pages, own_text, photo = (texts(answer)[0] for answer in good)
    assert_reads(two_pages, f"{FIRST_TEXT} {SECOND_TEXT}")
    assert own_text.split() == FIRST_TEXT.split()
    assert "The Copper Kettle" in photo
    assert "TOTAL" in photo
    assert "a key is needed" in refused["error"]
    assert texts(empty) == [""]


def test_langchain(read, documents):
    path, every = documents["scan.pdf"], ({}, {"mode": "single"}, {"mode": "page"}, {"key": "wrong"})
    markdown, single, page, refused = read("langchain", *([path, options] for options in every))
    before, after = texts(markdown)[0].split("<!-- PageBreak -->")
    assert_reads(before, FIRST_TEXT)
    assert_reads(after, SECOND_TEXT)
    assert_reads(texts(single)[0], f"{FIRST_TEXT} {SECOND_TEXT}")
    assert [metadata for _, metadata in page["documents"]] == [{"page": 1}, {"page": 2}]
    for text, expected in zip(texts(page), (FIRST_TEXT, SECOND_TEXT), strict=True):
        assert_reads(text, expected)
    assert "a key is needed" in refused["error"]


def test_open_webui(read, documents, key_and_url):
    """Its settings for both services, and the choice between them; with a wrong key its loader's text is the error."""
    path = documents["scan.pdf"]
    mistral = {ENGINE: "mistral_ocr"}
    uploaded, inline, refused, layout = read(
        "open-webui",
        [path, mistral],
        [path, mistral | {"rag.mistral_ocr_use_base64": True}],
        [path, mistral | {"rag.mistral_ocr_api_key": "wrong"}],
        [path, {ENGINE: "document_intelligence"}],
    )
    for answer in (uploaded, inline):
        assert [metadata["page_label"] for _, metadata in answer["documents"]] == [1, 2]
        for text, expected in zip(texts(answer), (FIRST_TEXT, SECOND_TEXT), strict=True):
            assert_reads(text, expected)
    assert "401 Client Error" in texts(refused)[0]
    before, after = texts(layout)[0].split("<!-- PageBreak -->")
    assert_reads(before, FIRST_TEXT)
    assert_reads(after, SECOND_TEXT)
    key, url = key_and_url
    left = httpx.get(f"{url}/v1/files", headers={"authorization": f"Bearer {key}"}, trust_env=False).json()
    assert left["data"] == [], "it deletes what it uploaded"
