"""An image's way to the server and its answer's way back, over real gRPC and HTTP."""

import dataclasses
import time

import numpy as np
import pytest
from client_answers import CURVED, EMPTY, TWO_LINES, box, tensors_of

from ocdrnet_client import ConfigurationError, InvalidRequestError, Line, RequestTimeoutError
from ocdrnet_ops.options import OPTIONS

PICTURE = bytes(range(256)) * 3


@pytest.mark.parametrize("page", [TWO_LINES, CURVED, EMPTY], ids=["lines and words", "polygons", "nothing"])
def test_every_tensor_becomes_part_of_the_page(connect, model, page):
    model.respond = lambda request: tensors_of(page)
    assert connect().read(PICTURE) == page


def test_lines_without_words(connect, model):
    page = dataclasses.replace(TWO_LINES, lines=tuple(dataclasses.replace(line, words=()) for line in TWO_LINES.lines))
    model.respond = lambda request: tensors_of(page)
    assert connect().read(PICTURE) == page


def test_values_are_plain_python(connect, model):
    model.respond = lambda request: tensors_of(TWO_LINES)
    page = connect().read(PICTURE)
    line = page.lines[0]
    numbers = (page.width, page.frames, page.truncated, line.score, line.box_score, line.box[0][0], line.words[0].score)
    assert [type(number) for number in numbers] == [int, int, bool, float, float, float, float]


def test_the_bytes_arrive_as_they_are_and_the_page_has_no_name(connect, model):
    assert connect().read(PICTURE).image is None
    assert [(request.model, request.image) for request in model.requests] == [("ocdrnet", PICTURE)]


def test_a_path_is_read_and_gives_the_page_its_name(connect, model, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(PICTURE)
    client = connect()
    assert [client.read(path).image for path in (file, str(file))] == ["photo.jpg", "photo.jpg"]
    assert [request.image for request in model.requests] == [PICTURE, PICTURE]


def test_an_image_larger_than_grpcs_default_message_passes(connect, model):
    big = bytes(6_000_000)
    long = dataclasses.replace(EMPTY, lines=(Line("a" * 6_000_000, 0.5, box(0, 0, 600, 20), 0.5),))
    model.respond = lambda request: tensors_of(long)
    assert len(connect().read(big).text) == 6_000_000
    assert len(model.requests[0].image) == 6_000_000


def test_options_travel_as_typed_parameters(connect, model):
    connect().read(PICTURE, box_threshold=0.5, max_candidates=40, min_text_score=1, detector_side="736")
    sent = model.requests[0].parameters
    assert sent == {"box_threshold": 0.5, "max_candidates": 40, "min_text_score": 1.0, "detector_side": 736}
    assert [type(sent[name]) for name in ("box_threshold", "max_candidates", "detector_side")] == [float, int, int]


def test_without_options_none_are_sent(connect, model):
    connect().read(PICTURE)
    assert model.requests[0].parameters == {}


def test_both_ends_of_every_option_are_allowed(connect, model):
    client = connect()
    for end in (0, -1):
        options = {option.name: option.ends[end] for option in OPTIONS}
        client.read(PICTURE, **options)
        assert model.requests[-1].parameters == options


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shade": 1}, "unknown parameter 'shade'; known are binarize_threshold, box_threshold"),
        ({"box_threshold": 1.1}, "box_threshold is 1.1; it must be a number from 0 to 1"),
        ({"max_candidates": 1.5}, "max_candidates is 1.5; it must be an integer from 1 to 10000"),
        ({"min_size": True}, "min_size is True"),
        ({"unclip_ratio": float("nan")}, "unclip_ratio is nan"),
    ],
    ids=["unknown", "out of range", "fraction", "bool", "nan"],
)
def test_a_wrong_option_is_named_before_any_request(connect, model, options, text):
    with pytest.raises(InvalidRequestError) as raised:
        connect().read(PICTURE, **options)
    assert text in str(raised.value)
    assert model.requests == []


def test_another_model_is_asked_and_named_in_the_path(connect, model):
    model.name = "ocdrnet 2"
    client = connect(model="ocdrnet 2")
    assert client.is_ready()
    client.read(PICTURE)
    assert model.requests[0].model == "ocdrnet 2"


def test_headers_go_along_with_every_call(connect, model):
    client = connect(headers={"Authorization": "Bearer abc"})
    client.is_ready()
    client.read(PICTURE)
    client.read(PICTURE[:5])
    sent = [*model.questions, *(request.headers for request in model.requests)]
    assert [headers["authorization"] for headers in sent] == 3 * ["Bearer abc"]


def test_a_damaged_character_costs_only_itself(connect, model):
    texts = np.array([b"gr\xfcn", b"", b"12.5"], object)
    model.respond = lambda request: {**tensors_of(TWO_LINES), "TEXTS": texts}
    assert connect().read(PICTURE).lines[0].text == "gr�n"


def test_more_outputs_than_known_do_no_harm(connect, model):
    model.respond = lambda request: {**tensors_of(EMPTY), "NEWS": np.zeros(2, np.float32)}
    assert connect().read(PICTURE) == EMPTY


def test_a_request_id_goes_along(connect, model):
    client = connect()
    client.read(b"picture", request_id="scan-7")
    client.read(b"picture")
    assert [request.request_id for request in model.requests] == ["scan-7", ""]


def test_a_call_may_have_a_timeout_of_its_own(connect, model):
    model.respond = model.stall
    started = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        connect(timeout=60).read(b"picture", timeout=0.2)
    assert 0.19 <= time.monotonic() - started < 10


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_timeout_of_nothing_is_refused_before_anything_is_sent(connect, model, seconds):
    with pytest.raises(ConfigurationError, match="must be above 0"):
        connect().read(b"picture", timeout=seconds)
    assert model.requests == []
