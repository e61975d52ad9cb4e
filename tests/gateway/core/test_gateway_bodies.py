"""Bodies as clients make them are understood; bodies of another kind are told what they are and what to do."""

import base64
import gzip
import io
import json
import textwrap

import pytest
from gateway_nim import nim_body
from hosted_flow import ASSETS, OCDRNET, fetched, is_problem
from PIL import Image

from ocdrnet_gateway.api.hosted.schemas import OcdrnetRequest
from ocdrnet_gateway.core.body_kinds import other_than_image
from ocdrnet_gateway.core.json_body import JsonBodyError, image_of, parse_json
from ocdrnet_gateway.http_errors import UnprocessableError

DATA = bytes(range(256)) * 3 + b"\xfb\xff\xfe"
PLAIN = base64.b64encode(DATA).decode()
SAFE = base64.urlsafe_b64encode(DATA).decode()


@pytest.mark.parametrize(
    "url",
    [
        f"data:image/png;base64,{PLAIN}",
        f"data:image/png;base64,{textwrap.fill(PLAIN, 76)}\n",
        "data:image/png;base64," + textwrap.fill(PLAIN, 64).replace("\n", "\r\n"),
        f"data:image/png;base64, {PLAIN} ",
        f"\n data:image/png;base64,{PLAIN}",
        f"data:image/png;base64,{SAFE}",
        f"data:image/png;base64,{SAFE.rstrip('=')}",
        f"data:image/png;base64,{PLAIN.rstrip('=')}",
        f"data:image/png;base64,{PLAIN.replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}",
        f"data:;base64,{PLAIN}",
        f"data:application/octet-stream;base64,{PLAIN}",
        f"data:binary/octet-stream;base64,{PLAIN}",
        f"data:image/jpeg;name=a%20b.jpg;base64,{PLAIN}",
        f"DATA:IMAGE/PNG;BASE64,{PLAIN}",
    ],
)
def test_base64_as_clients_make_it(url):
    assert image_of(url) == DATA


@pytest.mark.parametrize("length", range(1, 9))
def test_every_length_needs_no_padding(length):
    data = DATA[:length]
    assert image_of("data:;base64," + base64.b64encode(data).decode().rstrip("=")) == data


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AA!A", "AAAA*", "ÄÖÜß", "AA=A", "", "===", "data:image/png;base64,AAAA"]
)
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(UnprocessableError, match=r"base64|empty"):
        image_of(f"data:image/png;base64,{text}")


@pytest.mark.parametrize("url", ["data:image/png,AAAA", "data:image/svg+xml;utf8,<svg/>", "data:,x"])
def test_a_data_url_without_base64_is_told_what_lacks(url):
    with pytest.raises(UnprocessableError, match=";base64,"):
        image_of(url)


BODY = json.dumps({"image": "Grüße"}, ensure_ascii=False)


@pytest.mark.parametrize(
    "encoded",
    [
        BODY.encode(),
        BODY.encode("utf-8-sig"),
        BODY.encode("utf-16"),
        b"\xfe\xff" + BODY.encode("utf-16-be"),
        BODY.encode("utf-32"),
        b"\r\n " + BODY.encode() + b"\n",
    ],
)
def test_json_in_any_unicode_that_says_so(encoded):
    assert parse_json(OcdrnetRequest, encoded).image == "Grüße"


def test_line_breaks_inside_a_string_are_left_out():
    wrapped = '{"image":\n "data:image/png;base64,' + textwrap.fill(PLAIN, 76) + '\n",\r\n "render_label": true}'
    parsed = parse_json(OcdrnetRequest, wrapped.encode())
    assert image_of(parsed.image) == DATA
    assert parsed.render_label


@pytest.mark.parametrize("body", [b"[" * 30_000, b'{"image":[' + b"0," * 20_001 + b"0]}", b'{"a":{},' * 9_000])
def test_json_of_too_many_values_is_not_parsed(body, monkeypatch):
    monkeypatch.setattr(OcdrnetRequest, "model_validate_json", None)
    with pytest.raises(JsonBodyError, match="the limit is 20,000"):
        parse_json(OcdrnetRequest, body)


@pytest.mark.parametrize("body", [b"[" * 900, b'{"image":' * 900, b"\xff\xfe1", b"\xef\xbb\xbf", b"nul"])
def test_other_json_is_refused_in_words(body):
    with pytest.raises(JsonBodyError) as refused:
        parse_json(OcdrnetRequest, body)
    assert refused.value.status_code == 422
    assert len(str(refused.value.detail)) < 500


def box(brand):
    return b"\0\0\0\x18ftyp" + brand + bytes(200)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"%PDF-1.4\n1 0 obj", "the PDF is damaged"),
        (gzip.compress(b"x" * 99, mtime=0), "gzip; send it uncompressed"),
        (box(b"heic"), "HEIC whose header is damaged"),
        (box(b"mif1"), "HEIF whose header is damaged"),
        (box(b"avif"), "AVIF whose header is damaged"),
        (box(b"isom"), "a video"),
        (b"PK\x03\x04" + bytes(50), "a zip archive"),
        (b"\x89PNG\x1a\0\0\0\rIHDR", "--data-binary"),
        (b"\xef\xbf\xbdPNG\r\n", "treated as text"),
        (b'--abc123\r\nContent-Disposition: form-data; name="file"\r\n\r\n', "a multipart form; send the file alone"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b'{"input": []}', "JSON; POST /v1/infer"),
        (b"data:image/png;base64,AAAA", "a data URL"),
        (base64.b64encode(DATA), "base64"),
        (base64.encodebytes(DATA), "base64"),
        (b"image=abc%2F", "an HTML form"),
        (b"\xff\xd8\xff\xe0" + bytes(9), "a JPEG whose header is damaged"),
        (b"%!PS-Adobe", "PostScript"),
    ],
)
def test_what_is_no_image_is_named(gateway, http, reader, data, words):
    answer = http.post(f"{gateway}/v1/read", content=data)
    assert is_problem(answer, 422, "cannot be read", words)
    assert reader.calls == []


def test_interfaces_that_take_no_pdf_name_the_one_that_does():
    assert "a PDF; POST /v1/read takes it" in str(other_than_image(b"%PDF-1.4\n1 0 obj"))


def test_noise_is_not_called_something():
    assert other_than_image(b"\x01\x02\x03" * 50) is None


def test_a_form_that_a_browser_or_curl_sends_is_named(gateway, http, picture):
    answer = http.post(f"{gateway}/v1/read", files={"file": ("a.png", picture, "image/png")})
    assert is_problem(answer, 422, "multipart", "--data-binary")
    headers = {"content-type": "application/x-www-form-urlencoded"}
    # curl --data-binary says this of any file.
    assert http.post(f"{gateway}/v1/read", content=picture, headers=headers).status_code == 200


def test_a_compressed_body_is_named_by_its_header(gateway, http, picture):
    for encoding, data in (("gzip", gzip.compress(picture, mtime=0)), ("br", b"\x0b\x02\x80abc\x03")):
        answer = http.post(f"{gateway}/v1/read", content=data, headers={"content-encoding": encoding})
        assert is_problem(answer, 422, encoding, "uncompressed")


def jpeg():
    buffer = io.BytesIO()
    Image.new("L", (8, 8)).save(buffer, format="JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize("path", ["/v1/infer", OCDRNET, ASSETS])
@pytest.mark.parametrize(
    ("data", "headers", "words"),
    [
        (jpeg(), {}, "a JPEG; this path takes JSON, and POST /v1/read"),
        (b"", {}, "empty"),
        (gzip.compress(b"{}", mtime=0), {"content-encoding": "gzip"}, "uncompressed"),
        (gzip.compress(b"{}", mtime=0), {}, "gzip"),
        (b"image=abc", {"content-type": "application/x-www-form-urlencoded"}, "an HTML form"),
        (b"%PDF-1.7", {}, "a PDF; this path takes JSON"),
        (b"{oops", {}, "JSON"),
    ],
)
def test_what_is_no_json_is_named(gateway, http, path, data, headers, words):
    answer = http.post(gateway + path, content=data, headers=headers)
    assert answer.status_code == 422
    assert words in answer.text


def test_a_multipart_form_to_a_path_of_json_is_named(gateway, http, picture):
    answer = http.post(gateway + OCDRNET, files={"file": ("a.png", picture, "image/png")})
    assert is_problem(answer, 422, "multipart", "/v1/read")


def test_wrapped_and_unpadded_images_are_read_through_every_interface(gateway, http, picture, reader):
    text = base64.urlsafe_b64encode(picture).decode().rstrip("=")
    url = "data:;base64," + textwrap.fill(text, 60)
    body = nim_body(picture)
    body["input"][0]["url"] = url
    assert http.post(f"{gateway}/v1/infer", content=json.dumps(body).encode("utf-8-sig")).status_code == 200
    raw = ('{"image": "' + url + '"}').encode()
    assert fetched(http, http.post(gateway + OCDRNET, content=raw, follow_redirects=False)).metadata
    assert [call.image for call in reader.calls] == [picture] * 2


def test_a_large_body_to_make_an_asset_is_refused(gateway, http):
    body = {"contentType": "image/png", "description": "x" * 70_000}
    assert is_problem(http.post(gateway + ASSETS, json=body), 413, "65,536")
