"""`Server-Timing`: each interface tells beside its answer where the time of a reading went."""

import base64

import pytest
from gateway_nim import data_url, nim_body
from hosted_flow import ask, inline, poll

EVERY = "own,hosted,nim,mistral,liteparse,vision,textract"


def read(http, url, picture):
    return http.post(f"{url}/v1/read", content=picture)


def read_as_text(http, url, picture):
    return http.post(f"{url}/v1/read?output=text", content=picture)


def nim(http, url, picture):
    return http.post(f"{url}/v1/infer", json=nim_body(picture))


def ocr_path(http, url, picture):
    return http.post(f"{url}/v1/ocr", json=nim_body(picture))


def hosted(http, url, picture):
    return ask(http, url, inline(picture))


def mistral(http, url, picture):
    document = {"type": "image_url", "image_url": data_url(picture)}
    return http.post(f"{url}/v1/ocr", json={"model": "mistral-ocr-latest", "document": document})


def liteparse(http, url, picture):
    return http.post(f"{url}/ocr", files={"file": ("page.png", picture)})


def vision(http, url, *pictures):
    features = [{"type": "TEXT_DETECTION"}]
    images = [{"image": {"content": base64.b64encode(each).decode()}, "features": features} for each in pictures]
    return http.post(f"{url}/v1/images:annotate", json={"requests": images})


def textract(http, url, picture):
    headers = {"x-amz-target": "Textract.DetectDocumentText", "content-type": "application/x-amz-json-1.1"}
    body = {"Document": {"Bytes": base64.b64encode(picture).decode()}}
    return http.post(f"{url}/textract", json=body, headers=headers)


def told(answer):
    """Milliseconds by name, in their order."""
    return {
        name: float(ms) for name, ms in (part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    }


@pytest.mark.parametrize(
    "call",
    [read, read_as_text, nim, ocr_path, hosted, mistral, liteparse, vision, textract],
    ids=lambda call: call.__name__,
)
def test_every_interface_tells_it(start_gateway, http, picture, reader, call):
    reader.seconds = 0.05
    answer = call(http, start_gateway(interfaces=EVERY).url, picture)
    assert answer.status_code in (200, 302), answer.text
    times = told(answer)
    assert list(times) == ["receive", "wait", "read", "total"]
    assert times["read"] >= 50
    assert times["total"] >= times["receive"] + times["wait"] + times["read"] - 0.01


def test_readings_of_one_request_are_added_up(start_gateway, http, picture, reader):
    reader.seconds = 0.05
    times = told(vision(http, start_gateway(interfaces=EVERY).url, picture, picture))
    assert times["total"] > times["read"] >= 100
    assert times["receive"] < times["total"] - times["read"]


def test_where_nothing_was_read_nothing_is_told(start_gateway, http, picture, reader):
    reader.seconds = 1.5
    url = start_gateway(interfaces=EVERY).url
    slow = ask(http, url, inline(picture), headers={"NVCF-POLL-SECONDS": "1"})
    polled = poll(http, url, slow.headers["nvcf-reqid"])
    answers = [http.get(f"{url}/v1/health/live"), read(http, url, b"no image"), slow, polled]
    assert [answer.status_code for answer in answers] == [200, 422, 202, 302]
    assert not any("server-timing" in answer.headers for answer in answers)
