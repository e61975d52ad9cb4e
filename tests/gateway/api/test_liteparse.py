"""LiteParse's OCR server contract, by HTTP and by LiteParse itself."""

import pytest
from click.testing import CliRunner
from drawn_documents import pdf, scan
from liteparse import LiteParse

from ocdrnet_gateway.commands.keys import keys
from ocdrnet_gateway.http_errors import OverloadedError, ReaderFailedError


@pytest.fixture
def url(start_gateway):
    return start_gateway(interfaces="liteparse").url


def post(http, url, content, **more):
    return http.post(f"{url}/ocr", files={"file": ("page.png", content, "image/png")}, **more)


def test_words_with_upright_boxes(url, http, picture, reader):
    answer = post(http, url, picture, data={"language": "en"})
    assert answer.status_code == 200
    first, second, third = answer.json()["results"]
    assert first == {"text": "Grüße", "bbox": [8.0, 6.0, 56.0, 18.0], "confidence": 0.5}
    assert (second["text"], second["confidence"]) == ("你好", 1.0)
    # A turned box: the upright one around it, within the image.
    assert third["bbox"] == [0.0, 30.0, 33.0, 49.0]
    assert [call.image for call in reader.calls] == [picture]


@pytest.mark.parametrize(
    ("sent", "status", "named"),
    [
        ({"files": {"file": ("a", b"nope")}}, 400, "cannot be read"),
        ({"files": {"image": ("a", b"x")}}, 400, "no file in 'file'"),
        ({"content": b"x"}, 400, "takes a form"),
        ({"files": {"file": ("a", bytes(9000))}}, 413, "4,096"),
    ],
)
def test_bad_requests(start_gateway, http, sent, status, named):
    url = start_gateway(interfaces="liteparse", max_upload_bytes=4096).url
    answer = http.post(f"{url}/ocr", **sent)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert named in answer.json()["error"]


@pytest.mark.parametrize("error", [ReaderFailedError("it failed"), OverloadedError("it is busy", 3)])
def test_failures(url, http, picture, reader, error):
    async def respond(call):
        raise error

    reader.respond = respond
    answer = post(http, url, picture)
    assert (answer.status_code, answer.json()) == (error.status, {"error": error.detail})


def test_a_stranger_is_refused_before_the_body(start_gateway, http, picture, tmp_path):
    path = tmp_path / "keys.json"
    key = CliRunner().invoke(keys, ["create", "ann", "--file", str(path)]).stdout.strip()
    url = start_gateway(interfaces="liteparse", keys_file=path).url
    assert http.post(f"{url}/ocr", content=b"x").status_code == 401
    assert post(http, url, picture, headers={"authorization": f"Bearer {key}"}).status_code == 200


def test_liteparse_itself(url, reader):
    """It draws the page of a scan, asks for its text, and lays the words out where they stand."""
    answer = LiteParse(ocr_server_url=f"{url}/ocr", quiet=True).parse(pdf(scan))
    assert answer.text.split() == ["Grüße", "你好", "tilted"]
    assert len(reader.calls) == 1


def test_liteparse_itself_with_a_key(start_gateway, tmp_path):
    path = tmp_path / "keys.json"
    key = CliRunner().invoke(keys, ["create", "ann", "--file", str(path)]).stdout.strip()
    url = f"{start_gateway(interfaces='liteparse', keys_file=path).url}/ocr"
    headers = {"Authorization": f"Bearer {key}"}
    assert "Grüße" in LiteParse(ocr_server_url=url, ocr_server_headers=headers, quiet=True).parse(pdf(scan)).text
    with pytest.raises(Exception, match="401"):
        LiteParse(ocr_server_url=url, quiet=True).parse(pdf(scan))
