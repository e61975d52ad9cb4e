"""What callers get wrong: an answer of the right class that names value and limit, and a server that goes on."""

import json

import numpy as np
import pytest
from encoded_images import SIGN_TEXT, encode, png_claiming, sign, signs_file
from ensemble_calls import HttpCall, RawHttpCall, RefusedError
from PIL import Image
from sample_truth import sample

from ocdrnet_ops.options import OPTIONS, ChoiceOption, NumberOption, TextOption

GOOD = encode(sign(), "PNG")
QUICK = {"detector_side": 96}  # a small map: the sign is read in a few milliseconds
BYTE_LIMIT = 64 * 1024 * 1024
REPOSITORY_CAP = 1000


def assert_refused(call, image, fragments, **options):
    with pytest.raises(RefusedError) as caught:
        call(image, **options)
    assert caught.value.status == call.invalid
    assert [part for part in fragments if part not in caught.value.message] == []
    assert "Traceback" not in caught.value.message
    assert_good(call)


def assert_good(call):
    assert call(GOOD, **QUICK).texts == [SIGN_TEXT]


def half_a_jpeg():
    whole = sample("storefront.jpg")
    return whole[: len(whole) // 2]


BAD_IMAGES = {
    "empty": (lambda: b"", ["empty", "0 bytes"]),
    "text file": (lambda: b"no picture\n", ["not a readable image", "11 bytes", "6e 6f 20", "JPEG"]),
    "truncated JPEG": (half_a_jpeg, ["JPEG", "truncated"]),
    "60,000 x 60,000": (lambda: png_claiming(60_000, 60_000), ["60000 x 60000", "3,600,000,000", "100,000,000"]),
    "over 64 MiB": (lambda: b"\xff\xd8\xff" + bytes(BYTE_LIMIT), [f"{BYTE_LIMIT + 3:,}", f"{BYTE_LIMIT:,}"]),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_a_bad_image_is_refused(call, case):
    make, fragments = BAD_IMAGES[case]
    assert_refused(call, make(), fragments)


def bad_values(option):
    step = 1 if option.kind is int else 0.01
    return [option.low - step, option.high + step, "many", "nan", True]


NUMBERS = [option for option in OPTIONS if isinstance(option, NumberOption)]
BAD_OPTIONS = [(option, value) for option in NUMBERS for value in bad_values(option)]
BAD_OPTIONS += [(option, 2.5) for option in NUMBERS if option.kind is int]
BAD_OPTIONS += [
    (option, value) for option in OPTIONS if isinstance(option, ChoiceOption) for value in ("maybe", 1, True)
]
TEXT_OPTIONS = [option for option in OPTIONS if isinstance(option, TextOption)]
BAD_OPTIONS += [(option, "0" * (option.longest + 1)) for option in TEXT_OPTIONS]


@pytest.mark.parametrize(
    ("option", "value"), BAD_OPTIONS, ids=[f"{option.name}={value}"[:40] for option, value in BAD_OPTIONS]
)
def test_an_option_out_of_range_is_refused(call, option, value):
    assert_refused(call, GOOD, [option.name, str(value)[:60], option.allowed], **{option.name: value})


@pytest.mark.parametrize("option", TEXT_OPTIONS, ids=lambda option: option.name)
@pytest.mark.parametrize("value", ["", 1, True])
def test_what_is_no_text_is_refused(grpc_call, option, value):
    assert_refused(grpc_call, GOOD, [option.name, repr(value), option.allowed], **{option.name: value})


# Of the longest side that a map may have only the length is at stake: over the sign's whole image it takes seconds.
STRIP = encode(sign("", (640, 20)), "PNG")


@pytest.mark.parametrize(
    "option",
    [pytest.param(one, marks=pytest.mark.full if one.name == "detector_side" else []) for one in OPTIONS],
    ids=lambda option: option.name,
)
def test_both_ends_of_a_range_and_every_choice_are_accepted(grpc_call, option):
    for value in option.ends:
        capped = min(value, REPOSITORY_CAP) if option.name == "max_candidates" else value
        image = STRIP if option.name == "detector_side" else GOOD
        assert grpc_call(image, **{**QUICK, option.name: capped}).frames == 1


def test_an_unknown_parameter_is_refused_with_the_known_ones(call):
    assert_refused(call, GOOD, ["unknown parameter", "shade", *(option.name for option in OPTIONS)], shade=1)


def test_more_candidates_than_the_repository_was_built_for_are_refused(call):
    assert_refused(call, GOOD, ["max_candidates", "1001", "at most 1000"], max_candidates=REPOSITORY_CAP + 1)


def test_a_value_with_quotes_comes_back_in_the_message(grpc_call):
    assert_refused(grpc_call, GOOD, ["box_threshold", 'a"b\\\\c'], box_threshold='a"b\\c')


@pytest.mark.parametrize("options", [{"box_threshold": "9" * 20_000}, {"s" * 20_000: 1}], ids=["value", "name"])
def test_an_endless_option_does_not_make_an_endless_message(grpc_call, options):
    assert_refused(grpc_call, GOOD, ["20,002 characters"], **options)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)], ids=str)
def test_an_image_of_extreme_shape_is_answered(call, size):
    answer = call(encode(Image.new("RGB", size, "white"), "PNG"))
    assert (answer.texts, answer.size, answer.truncated) == ([], size, False)
    assert_good(call)


def test_an_image_without_text_has_an_empty_result(call):
    answer = call(sample("blank.png"))
    assert (answer.texts, answer.boxes.shape, answer.frames) == ([], (0, 4, 2), 1)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
def test_of_several_frames_the_first_is_read_and_all_are_counted(call, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = signs_file(kind, ["First", "Second", "Third"], **options)
    answer = call(data, **QUICK)
    assert (answer.texts, answer.frames) == (["First"], 3)


def test_the_client_hands_the_number_of_frames_on(client):
    page = client.read(signs_file("TIFF", ["First", "Second"]), **QUICK)
    assert (page.text, page.frames) == ("First", 2)
    assert "first of 2" in page.warnings[0]


def test_a_header_sets_an_option_over_http(served):
    answer = RawHttpCall(served.addresses)(sample("storefront.jpg"), max_candidates=5)
    assert (len(answer.texts), answer.truncated) == (5, True)


def test_metadata_sets_an_option_over_grpc(grpc_call):
    photo = np.frombuffer(sample("storefront.jpg"), np.uint8)
    tensor = grpc_call.input_class("IMAGE", photo.shape, "UINT8").set_data_from_numpy(photo)
    result = grpc_call.infer([tensor], headers={"ocdrnet-max-candidates": "5"})
    assert len(result.as_numpy("TEXTS")) == 5


def test_options_and_image_as_plain_json(served):
    answer, _ = RawHttpCall(served.addresses).post(
        '{"parameters": {"detector_side": 96}, "inputs": [{"name": "IMAGE", "datatype": "UINT8", '
        f'"shape": [{len(GOOD)}], "data": {list(GOOD)}}}]}}',
        {"Content-Type": "application/json"},
    )
    texts = next(output for output in json.loads(answer)["outputs"] if output["name"] == "TEXTS")
    assert texts["data"] == [SIGN_TEXT]


@pytest.mark.parametrize(
    ("name", "shape", "datatype", "array"),
    [
        ("IMAGE", [4], "INT8", np.zeros(4, np.int8)),
        ("IMAGE", [2, 2], "UINT8", np.zeros((2, 2), np.uint8)),
        ("PICTURE", [4], "UINT8", np.zeros(4, np.uint8)),
    ],
    ids=["dtype", "shape", "name"],
)
def test_a_tensor_of_another_kind_is_refused_by_triton(grpc_call, served, name, shape, datatype, array):
    http_call = HttpCall(served.addresses)
    for way in (grpc_call, http_call):
        tensor = way.input_class(name, shape, datatype)
        tensor.set_data_from_numpy(array)
        with pytest.raises(RefusedError) as caught:
            way.infer([tensor])
        assert caught.value.status == way.invalid
        assert name in caught.value.message
        assert_good(way)
    http_call.close()
