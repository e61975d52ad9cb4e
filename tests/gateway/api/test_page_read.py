"""`POST /v1/read`: an image as the body, the page as JSON."""

import io
import json

import jsonschema
import pytest
from gateway_reader import PAGE, spelled
from PIL import Image

from ocdrnet_client.documents.document import text_angle
from ocdrnet_gateway.core.file_reading import WORD_BYTES
from ocdrnet_gateway.core.keys import new_key, save_keys
from ocdrnet_gateway.http_errors import UnavailableError
from ocdrnet_ops.options import OPTIONS

NO_TRITON = "grpc://127.0.0.1:1"


def test_the_answer_is_the_clients_page_and_timing(gateway, http, picture):
    answer = http.post(f"{gateway}/v1/read", content=picture)
    body = answer.json()
    timing, dpi, angle = body.pop("timing"), body.pop("dpi"), body.pop("angle")
    assert (answer.status_code, body) == (200, PAGE.to_dict())
    assert (dpi, angle) == (0, round(text_angle(PAGE), 1))
    assert timing.keys() == {"receive_ms", "wait_ms", "read_ms", "total_ms"}
    assert all(milliseconds >= 0 for milliseconds in timing.values())


def test_characters_are_told_where_they_are_asked_for(gateway, http, picture):
    body = http.post(f"{gateway}/v1/read?characters=on", content=picture).json()
    assert body["lines"] == spelled(PAGE).to_dict()["lines"]
    (letter, *_), plain = body["lines"][0]["words"][1]["characters"], http.post(f"{gateway}/v1/read", content=picture)
    assert letter == {"text": "你", "score": 1.0, "box": [[8.0, 6.0], [32.0, 6.0], [32.0, 18.0], [8.0, 18.0]]}
    assert "characters" not in plain.text


def test_characters_take_memory_until_they_are_sent(start_gateway, http, picture, until):
    server, most = start_gateway(), []
    memory = server._server.config.app.state.services.memory
    change = memory.change_bodies
    memory.change_bodies = lambda growth: (change(growth), most.append(memory._bodies))
    for query in ("off", "on"):
        http.post(f"{server.url}/v1/read?characters={query}", content=picture)
        until(lambda: memory.held == 0)
        most.append(None)
    off, on = (max(each) for each in (most[: most.index(None)], most[most.index(None) + 1 : -1]))
    letters = sum(len(word.text) for line in PAGE.lines for word in line.words)
    assert on >= letters * WORD_BYTES > off


def test_an_images_own_dpi_is_told(gateway, http):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48)).save(buffer, format="PNG", dpi=(150, 150))
    assert http.post(f"{gateway}/v1/read", content=buffer.getvalue()).json()["dpi"] == pytest.approx(150, abs=0.1)


def test_time_with_the_reader_is_told(start_gateway, reader, http, picture):
    reader.seconds = 0.05
    timing = http.post(f"{start_gateway().url}/v1/read", content=picture).json()["timing"]
    assert timing["total_ms"] > timing["read_ms"] >= 50 > timing["wait_ms"]


def test_the_body_and_the_options_reach_the_reader_under_the_requests_id(gateway, reader, http, picture):
    query = "min_text_score=0.5&max_candidates=7&geometry=polygon&charset=0123"
    http.post(f"{gateway}/v1/read?{query}", content=picture, headers={"x-request-id": "mine"})
    (call,) = reader.calls
    assert call.image == picture
    assert call.options == {"min_text_score": 0.5, "max_candidates": 7, "geometry": "polygon", "charset": "0123"}
    assert call.request_id == "mine"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("min_text_score=2", "min_text_score is '2'; it must be a number from 0 to 1"),
        ("nonsense=1", "unknown parameter 'nonsense'"),
        ("tiling=on&tiling=off", "'tiling' is given more than once"),
        ("timing=all", "timing is 'all'; it must be one of total, steps"),
    ],
)
def test_a_wrong_option_is_refused_by_name(gateway, reader, http, picture, query, named):
    answer = http.post(f"{gateway}/v1/read?{query}", content=picture)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert named in answer.json()["detail"]
    assert reader.calls == []


@pytest.mark.parametrize("body", [b"", b"no picture"])
def test_what_is_no_image_is_refused(gateway, reader, http, body):
    answer = http.post(f"{gateway}/v1/read", content=body)
    assert answer.status_code == 422
    assert f"({len(body)} bytes)" in answer.json()["detail"]
    assert reader.calls == []


def test_a_key_is_needed_where_there_are_keys(start_gateway, http, picture, tmp_path):
    key, entry = new_key("reader")
    save_keys(tmp_path / "keys.json", [entry])
    url = start_gateway(keys_file=tmp_path / "keys.json").url
    statuses = [
        http.post(f"{url}/v1/read", content=picture, headers=headers).status_code
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {key}"})
    ]
    assert statuses == [401, 401, 200]


def test_a_callers_rate_counts_here_too(start_gateway, http, picture):
    url = start_gateway(rate_per_minute=1).url
    answers = [http.post(f"{url}/v1/read", content=picture) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert int(answers[1].headers["retry-after"]) > 30


def test_a_reader_that_is_away_is_a_503(start_gateway, reader, http, picture):
    async def away(_call):
        raise UnavailableError("away", 2)

    reader.respond = away
    answer = http.post(f"{start_gateway().url}/v1/read", content=picture)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


def test_steps_that_nobody_tells_are_left_out(start_gateway, http, picture):
    answer = http.post(f"{start_gateway(triton=NO_TRITON).url}/v1/read?timing=steps", content=picture)
    assert answer.status_code == 200
    assert "steps" not in answer.json()["timing"]


def test_openapi_has_every_option_with_its_range(gateway, http):
    described = http.get(f"{gateway}/openapi.json").json()["paths"]["/v1/read"]["post"]
    parameters = {parameter["name"]: parameter["schema"] for parameter in described["parameters"]}
    own = {"preview", "timing", "output", "pages", "dpi", "text_layer", "ocdrnet-password"}
    assert parameters.keys() == {option.name for option in OPTIONS} | own
    assert (parameters["output"]["default"], parameters["dpi"]["minimum"]) == ("json", 36)
    assert parameters["max_candidates"] == {"type": "integer", "minimum": 1, "maximum": 10_000}
    assert parameters["min_text_score"] == {"type": "number", "minimum": 0.0, "maximum": 1.0}
    assert parameters["tiling"] == {"type": "string", "enum": ["auto", "off", "on"], "default": "auto"}
    assert parameters["charset"] == {"type": "string", "minLength": 1, "maxLength": 1000}
    assert {"401", "408", "413", "422", "429", "502", "503", "504"} <= described["responses"].keys()
    assert {"image/jpeg", "application/pdf"} <= described["requestBody"]["content"].keys()
    assert "application/x-ndjson" in described["responses"]["200"]["content"]


def test_the_answer_fits_its_description(gateway, http, picture):
    described = http.get(f"{gateway}/openapi.json").json()
    schema = {**described["components"]["schemas"]["PageAnswer"], "components": described["components"]}
    answer = http.post(f"{gateway}/v1/read", content=picture).json()
    jsonschema.validate(answer, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**answer, "lines": [{"text": "no box"}]}, schema)


def test_no_text_and_no_image_reach_the_store_or_the_log(start_gateway, http, picture, tmp_path, caplog, until):
    caplog.set_level("DEBUG")
    answer = http.post(f"{start_gateway().url}/v1/read?charset=secretset", content=picture).json()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file())
    assert picture not in kept

    def logged():
        return str([vars(record) for record in caplog.records if record.name.startswith("ocdrnet_gateway")])

    until(lambda: "/v1/read" in logged())  # a request is logged after its answer
    for text in (answer["lines"][0]["text"], "secretset"):
        assert text not in logged()
        assert json.dumps(text).encode() not in kept
