"""The option `charset` through the real server: another class is chosen, not a character deleted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from encoded_images import encode, sign
from ensemble_calls import RefusedError
from sample_truth import SAMPLES, sample
from test_concurrency import differences

QUICK = {"detector_side": 96, "upside_down": "off"}  # read in letters' shapes, digits are doubtful either way up
CONFUSABLE = "7BO SOS"
SIGN = encode(sign(CONFUSABLE, (320, 80)), "PNG")


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("digits", "780 505"),
        ("0158", "80 505"),
        ("ascii", CONFUSABLE),
        ("latin", CONFUSABLE),
        ("all", CONFUSABLE),
        ("digits+OBS", CONFUSABLE),
    ],
)
def test_the_best_allowed_character_is_read(call, charset, text):
    answer = call(SIGN, charset=charset, min_text_score=0, **QUICK)
    assert answer.texts == [text]
    assert answer.scores[0] > 0.5


def test_a_request_without_a_charset_is_not_touched_by_one_before_it(call):
    assert call(SIGN, charset="digits", **QUICK).texts == ["780 505"]
    assert call(SIGN, **QUICK).texts == [CONFUSABLE]


def test_characters_outside_ascii_travel(grpc_call):
    assert grpc_call(SIGN, charset="7BOSé中", **QUICK).texts == [CONFUSABLE]
    assert grpc_call(SIGN, charset="7BSé中", **QUICK).texts != [CONFUSABLE]


@pytest.mark.full
def test_requests_of_different_charsets_at_once_do_not_touch_each_other(client):
    charsets = [None, "digits", "uppercase", "latin"]
    jobs = [(name, {"charset": charset} if charset else {}) for name in ("storefront.jpg", "rotated.jpg")
            for charset in charsets]  # fmt: skip
    alone = [client.read(SAMPLES / name, **options) for name, options in jobs]
    assert len({tuple(line.text for line in page.lines) for page in alone}) > 4
    many = list(range(len(jobs))) * 3
    with ThreadPoolExecutor(len(jobs)) as pool:
        pages = list(pool.map(lambda job: client.read(SAMPLES / jobs[job][0], **jobs[job][1]), many))
    changed = {
        str(jobs[job]): found for job, page in zip(many, pages, strict=True) if (found := differences(page, alone[job]))
    }
    assert changed == {}


REFUSED = {
    "klingonж": ["'klingonж'", "'ж'"],
    "cyrillic": ["cyrillic", "ppocrv6-small"],
    "digit": ["'digit'", "digits"],
}


@pytest.mark.parametrize("charset", REFUSED)
def test_a_bad_charset_is_refused_by_its_value(grpc_call, charset):
    with pytest.raises(RefusedError) as caught:
        grpc_call(SIGN, charset=charset, **QUICK)
    assert caught.value.status == "INVALID_ARGUMENT"
    assert [part for part in ["charset is", *REFUSED[charset]] if part not in caught.value.message] == []


def test_a_bad_charset_is_refused_over_http(call):
    with pytest.raises(RefusedError) as caught:
        call(SIGN, charset="cyrillic", **QUICK)
    assert caught.value.status == call.invalid
    assert "cyrillic" in caught.value.message


@pytest.mark.full
def test_a_bad_charset_does_not_fail_those_who_share_its_batch(grpc_call):
    image = sample("storefront.jpg")
    expected = grpc_call(image).texts

    def read(turn):
        try:
            return grpc_call(image, **({"charset": "cyrillic"} if turn % 2 else {})).texts
        except RefusedError as error:
            return error.status

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(read, range(16)))
    assert answers == [expected, "INVALID_ARGUMENT"] * 8


@pytest.mark.full
def test_recognizer_that_is_cut_to_a_set(serve_built):
    with serve_built("--charset", "digits") as server, server.client() as client:
        assert [line.text for line in client.read(SIGN, **QUICK).lines] == ["780 505"]
        assert [line.text for line in client.read(SIGN, charset="0158", **QUICK).lines] == ["80 505"]
