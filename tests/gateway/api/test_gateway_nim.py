"""The NIM's interface: bodies, levels, refusals, and what it says of itself."""

import asyncio
import dataclasses
import io

import jsonschema
import pytest
from gateway_nim import NIM_ANSWER, NIM_INVALID, data_url, nim_body
from gateway_reader import PAGE
from hosted_flow import is_problem
from PIL import Image

from ocdrnet_client import Page
from ocdrnet_gateway.http_errors import DeadlineError, ReaderFailedError, UnavailableError, UnprocessableError


@pytest.mark.parametrize("path", ["/v1/infer", "/v1/ocr"])
def test_an_answer_has_the_nims_form(gateway, http, picture, path):
    answer = http.post(gateway + path, json=nim_body(picture))
    assert answer.status_code == 200
    body = answer.json()
    jsonschema.validate(body, NIM_ANSWER)
    first, second = body["data"][0]["text_detections"]
    assert first["text_prediction"] == {"text": "Grüße 你好", "confidence": 0.875}
    assert first["bounding_box"]["points"] == [
        {"x": 8 / 64, "y": 6 / 48},
        {"x": 56 / 64, "y": 6 / 48},
        {"x": 56 / 64, "y": 18 / 48},
        {"x": 8 / 64, "y": 18 / 48},
    ]
    # The tilted box reaches over the image's edges.
    assert second["bounding_box"]["points"][0] == {"x": 0.0, "y": 40 / 48}
    assert second["bounding_box"]["points"][3] == {"x": 1 / 64, "y": 1.0}
    assert body["usage"]["images_size_mb"] == len(picture) / 2**20


@pytest.mark.parametrize(("level", "merge"), [("word", "word"), ("sentence", "line"), ("paragraph", "paragraph")])
def test_a_level_is_the_servers_merge(gateway, http, picture, reader, level, merge):
    assert http.post(f"{gateway}/v1/infer", json=nim_body(picture, levels=[level])).status_code == 200
    assert [call.options for call in reader.calls] == [{"merge": merge}]


def test_several_images_are_answered_in_order_each_with_its_level(gateway, http, picture, reader):
    async def respond(call):
        return dataclasses.replace(PAGE, lines=PAGE.lines[: len(reader.calls) - 1])

    reader.respond = respond
    levels = ["word", "paragraph", "sentence"]
    answer = http.post(f"{gateway}/v1/infer", json=nim_body(picture, picture + b"\0", picture + b"\1", levels=levels))
    body = answer.json()
    jsonschema.validate(body, NIM_ANSWER)
    assert [(item["index"], len(item["text_detections"])) for item in body["data"]] == [(0, 0), (1, 1), (2, 2)]
    assert [call.image for call in reader.calls] == [picture, picture + b"\0", picture + b"\1"]
    assert [call.options["merge"] for call in reader.calls] == ["word", "paragraph", "line"]


def test_paragraphs_are_the_default(gateway, http, picture, reader):
    http.post(f"{gateway}/v1/infer", json=nim_body(picture, picture))
    assert [call.options for call in reader.calls] == 2 * [{"merge": "paragraph"}]


def test_an_image_without_text_is_an_empty_list(gateway, http, picture, reader):
    reader.page = Page(64, 48)
    body = http.post(f"{gateway}/v1/infer", json=nim_body(picture)).json()
    jsonschema.validate(body, NIM_ANSWER)
    assert body["data"] == [{"index": 0, "text_detections": []}]


def one(url, **fields):
    return {"input": [{"type": "image_url", "url": url}], **fields}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, ["body", "input"]),
        ([], ["body"]),
        ({"input": []}, ["body", "input"]),
        ({"input": "data:image/png;base64,AAAA"}, ["body", "input"]),
        ({"input": [{"type": "text", "url": "x"}]}, ["body", "input", 0, "type"]),
        ({"input": [{"type": "image_url"}]}, ["body", "input", 0, "url"]),
        (one("http://127.0.0.1/secret.png"), ["body", "input", 0, "url"]),
        (one("https://example.com/a.png"), ["body", "input", 0, "url"]),
        (one("file:///etc/passwd"), ["body", "input", 0, "url"]),
        (one("data:text/html;base64,AAAA"), ["body", "input", 0, "url"]),
        (one("data:image/png,AAAA"), ["body", "input", 0, "url"]),
        (one("data:image/png;base64,"), ["body", "input", 0, "url"]),
        (one("data:image/png;base64,A"), ["body", "input", 0, "url"]),
        (one("data:image/png;base64,AA!!"), ["body", "input", 0, "url"]),
        (one("data:image/png;base64,AAAA"), ["body", "input", 0, "url"]),
        (one("data:image/png;base64,AAAA", merge_levels=["line"]), ["body", "merge_levels", 0]),
        (one("data:image/png;base64,AAAA", merge_levels=[]), ["body"]),
        (one("data:image/png;base64,AAAA", merge_levels=["word", "word"]), ["body"]),
    ],
)
def test_a_bad_body_is_422_and_names_the_place(gateway, http, reader, body, place):
    answer = http.post(f"{gateway}/v1/infer", json=body)
    assert answer.status_code == 422
    jsonschema.validate(answer.json(), NIM_INVALID)
    assert answer.json()["detail"][0]["loc"] == place
    assert reader.calls == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"input": NaN', b"[" * 100_000])
def test_a_body_that_is_no_json_is_422(gateway, http, body):
    answer = http.post(f"{gateway}/v1/infer", content=body)
    assert answer.status_code == 422
    jsonschema.validate(answer.json(), NIM_INVALID)


@pytest.mark.parametrize(
    "body",
    [
        {"input": [0] * 100_000},
        {"input": [{"type": "image_url", "url": ""}] * 100_000},
        one("x", merge_levels=[0] * 100_000),
        one("x", merge_levels=["word"] * 100_000),
    ],
)
def test_a_refusal_does_not_grow_with_the_body(gateway, http, body):
    answer = http.post(f"{gateway}/v1/infer", json=body)
    assert answer.status_code == 422
    assert len(answer.content) < 1000


def test_no_refusal_repeats_what_was_sent(gateway, http):
    secret = "UExFQVNFRE9OT1RFQ0hP" * 20
    answer = http.post(f"{gateway}/v1/infer", json=one(f"data:image/png;base64,{secret}", merge_levels=[secret]))
    assert answer.status_code == 422
    assert secret[:60] not in answer.text


def test_too_many_images_are_refused(start_gateway, http, picture):
    url = start_gateway(max_images=2).url
    assert http.post(f"{url}/v1/infer", json=nim_body(picture, picture)).status_code == 200
    answer = http.post(f"{url}/v1/infer", json=nim_body(picture, picture, picture))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"] == "there are 3 images; the limit is 2"


def test_jpeg_and_unknown_parameters_in_the_url_are_taken(gateway, http, picture, reader):
    for head in ("data:image/jpeg;base64,", "data:image/png;charset=utf-8;base64,", "DATA:IMAGE/PNG;BASE64,"):
        url = head + data_url(picture).partition(",")[2]
        assert http.post(f"{gateway}/v1/infer", json=one(url)).status_code == 200
    assert [call.image for call in reader.calls] == 3 * [picture]


def test_ready_follows_the_server(gateway, http, reader):
    assert http.get(f"{gateway}/v1/health/ready").json()["ready"] is True
    reader.ready = False
    answer = http.get(f"{gateway}/v1/health/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)
    assert http.get(f"{gateway}/v1/health/live").json()["live"] is True
    reader.ready = True
    assert http.get(f"{gateway}/v1/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/v1/models", {"object", "data"}),
        ("/v1/metadata", {"version", "modelInfo", "licenseInfo", "assetInfo", "repository_override"}),
        ("/v1/manifest", {"manifest_file", "repository"}),
        ("/v1/license", {"name", "path", "url", "type", "content"}),
    ],
)
def test_it_describes_itself(gateway, http, path, keys):
    answer = http.get(gateway + path)
    assert answer.status_code == 200
    assert set(answer.json()) == keys


def test_metrics_count_what_happened(gateway, http, picture):
    http.post(f"{gateway}/v1/infer", json=nim_body(picture, picture))
    http.post(f"{gateway}/v1/infer", json={})
    http.get(f"{gateway}/made/up/path")
    answer = http.get(f"{gateway}/v1/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'ocdrnet_gateway_requests_total{method="POST",route="/v1/infer",status="200"} 1.0' in lines
    assert 'ocdrnet_gateway_requests_total{method="POST",route="/v1/infer",status="422"} 1.0' in lines
    assert 'ocdrnet_gateway_requests_total{method="GET",route="other",status="404"} 1.0' in lines
    assert "ocdrnet_gateway_pictures_total 2.0" in lines
    assert "ocdrnet_gateway_triton_seconds_count 1.0" in lines
    assert "ocdrnet_gateway_in_flight 0.0" in lines
    assert "made" not in answer.text


class TestBatches:
    """Several images in one request."""

    def pages(self, reader, picture, outcomes):
        """A body of images that are told apart by their last byte; each outcome is a wait in seconds or an error."""

        async def respond(call):
            outcome = outcomes[call.image[-1]]
            if isinstance(outcome, Exception):
                raise outcome
            await asyncio.sleep(outcome)
            return PAGE

        reader.respond = respond
        return nim_body(*(picture + bytes([index]) for index in range(len(outcomes))))

    def test_each_image_has_a_deadline_of_its_own(self, start_gateway, http, picture, reader):
        url = start_gateway(deadline_s=3).url
        answer = http.post(f"{url}/v1/infer", json=self.pages(reader, picture, [1.5, 1.5, 1.5]))
        assert answer.status_code == 200
        assert len(answer.json()["data"]) == 3
        assert all(2 < call.deadline_s <= 3 for call in reader.calls)

    @pytest.mark.parametrize(
        "error", [DeadlineError("too slow"), ReaderFailedError("it failed"), UnavailableError("it is away", 7)]
    )
    def test_what_was_read_before_a_failure_is_not_lost(self, gateway, http, picture, reader, error):
        answer = http.post(f"{gateway}/v1/infer", json=self.pages(reader, picture, [0, 0, error, 0]))
        assert is_problem(answer, error.status_code, "input[2], of 4 images", str(error.detail), "the 2 before it")
        body = answer.json()
        assert body["failedIndex"] == 2
        whole = {"data": body["data"], "model": "x", "usage": {"images_size_mb": 0}}
        jsonschema.validate(whole, NIM_ANSWER)
        assert [item["index"] for item in body["data"]] == [0, 1]
        assert body["data"][1]["text_detections"][0]["text_prediction"]["text"] == "Grüße 你好"
        assert answer.headers.get("retry-after") == ("7" if error.status_code == 503 else None)
        assert len(reader.calls) == 3

    def test_a_refused_image_is_named_by_its_index(self, gateway, http, picture, reader):
        body = self.pages(reader, picture, [0, UnprocessableError("the image is damaged"), 0])
        answer = http.post(f"{gateway}/v1/infer", json=body)
        assert answer.status_code == 422
        jsonschema.validate(answer.json(), NIM_INVALID)
        (detail,) = answer.json()["detail"]
        assert (detail["loc"], detail["msg"]) == (["body", "input", 1, "url"], "the image is damaged")

    @pytest.mark.parametrize("index", [0, 2])
    def test_one_that_is_no_image_is_named_before_any_is_read(self, gateway, http, picture, reader, index):
        images = [picture] * 3
        images[index] = b"%PDF-1.7"
        answer = http.post(f"{gateway}/v1/infer", json=nim_body(*images))
        assert answer.json()["detail"][0]["loc"] == ["body", "input", index, "url"]
        assert "a PDF" in answer.json()["detail"][0]["msg"]
        assert reader.calls == []

    def test_one_of_too_many_pixels_is_named(self, start_gateway, http, picture, reader):
        url = start_gateway(max_pixels=64 * 48).url
        large = io.BytesIO()
        Image.new("L", (65, 48)).save(large, format="PNG")
        answer = http.post(f"{url}/v1/infer", json=nim_body(picture, large.getvalue()))
        assert is_problem(answer, 413, "input[1], of 2 images", "65 x 48")
        assert answer.json()["data"] == []
        assert reader.calls == []
