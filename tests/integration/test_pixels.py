"""The ensemble `ocr`: decoded pixels instead of a file, through the same steps and networks."""

import io

import numpy as np
import pytest
from ensemble_calls import GrpcCall, HttpCall, RefusedError
from PIL import Image
from sample_truth import SAMPLES

from ocdrnet_client.protocol import OUTPUTS
from ocdrnet_deploy.repository.replace import ENSEMBLES

NAMES = {"BOXES": "boxes", "TEXTS": "txts", "TEXT_SCORES": "scores"}
PIXEL_OUTPUTS = {name: NAMES.get(name, name.lower()) for name in OUTPUTS if name != "FRAMES"}
STEPS = ("image_preprocess", "ocdnet", "dbnet_postprocess", "text_crop", "ocrnet", "text_turn", "text_decode")


@pytest.fixture(params=[GrpcCall, HttpCall], ids=["grpc", "http"])
def pixel_call(request, served):
    made = request.param(served.addresses)
    yield made
    made.close()


def rgb(name):
    with Image.open(SAMPLES / name) as image:
        return np.array(image.convert("RGB"))


def tensors(call, pixels, language=b"english"):
    image = call.input_class("image", list(pixels.shape), "UINT8").set_data_from_numpy(pixels)
    if language is None:
        return [image]
    return [image, call.input_class("lang_type", [1, 1], "BYTES").set_data_from_numpy(np.array([[language]], object))]


def read(call, pixels, language=b"english", **parameters):
    answer = call.infer(tensors(call, pixels, language), "ocr", parameters=parameters)
    return {name: answer.as_numpy(output) for name, output in PIXEL_OUTPUTS.items()}


def read_file(call, pixels, **parameters):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    image = call.input_class("IMAGE", [file.tell()], "UINT8")
    image.set_data_from_numpy(np.frombuffer(file.getvalue(), np.uint8))
    answer = call.infer([image], parameters=parameters)
    return {name: answer.as_numpy(name) for name in PIXEL_OUTPUTS}


@pytest.mark.parametrize(("name", "options"), [("storefront.jpg", {}), ("receipt.jpg", {"characters": "on"})])
def test_answer_is_that_for_a_file_of_the_same_pixels(pixel_call, name, options):
    """Colours in another order would change scores at least."""
    pixels = rgb(name)
    found, expected = read(pixel_call, pixels[None], **options), read_file(pixel_call, pixels, **options)
    assert len(found["TEXTS"]) > 10
    letters = sum(len(text.decode()) for text in found["WORD_TEXTS"])
    assert found["CHARACTERS"].shape == (letters if options else 0, 5)
    for output in PIXEL_OUTPUTS:
        np.testing.assert_array_equal(found[output], expected[output], err_msg=output)


def test_pixels_go_through_the_same_loaded_models(grpc_call):
    """There is one set of networks and steps; a read of pixels counts in each."""

    def done():
        statistics = grpc_call.client.get_inference_statistics(as_json=True)["model_stats"]
        return {each["name"]: int(each.get("inference_count", 0)) for each in statistics}

    before = done()
    assert set(before) == {*STEPS, *ENSEMBLES}
    read(grpc_call, rgb("storefront.jpg")[None])
    after = done()
    assert after["ocr"] == before["ocr"] + 1
    assert after["ocdrnet"] == before["ocdrnet"]
    assert all(after[step] > before[step] for step in STEPS)


@pytest.mark.full
def test_language_may_be_anything_or_missing(pixel_call):
    pixels = rgb("storefront.jpg")[None]
    expected = read(pixel_call, pixels, None)["TEXTS"].tolist()
    for language in (b"", b"chinese", b"\xff\x00" * 500):
        assert read(pixel_call, pixels, language)["TEXTS"].tolist() == expected


def test_options_act(pixel_call):
    pixels = rgb("receipt.jpg")
    found = read(pixel_call, pixels[None], charset="digits", merge="word")
    assert found["TEXTS"].tolist() == read_file(pixel_call, pixels, charset="digits", merge="word")["TEXTS"].tolist()
    assert all(text.decode().isdigit() for text in found["TEXTS"])


def test_smallest_image_and_one_without_text_are_empty_answers(pixel_call):
    for shape in ((1, 1, 1, 3), (1, 1, 4000, 3), (1, 300, 300, 3)):
        found = read(pixel_call, np.full(shape, 255, np.uint8))
        assert [found[name].shape for name in ("BOXES", "TEXTS", "TEXT_SCORES")] == [(0, 4, 2), (0,), (0,)]
        assert found["IMAGE_SIZE"].tolist() == [shape[2], shape[1]]


def test_frame_with_odd_strides_is_read(pixel_call):
    """A cut out of a larger frame, as a region of interest is."""
    pixels = rgb("storefront.jpg")
    cut = pixels[100:601, 33:1200]
    assert read(pixel_call, np.ascontiguousarray(cut)[None])["IMAGE_SIZE"].tolist() == [1167, 501]


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 0, 8, 3), "the image has 8 x 0 pixels; it must have one or more"),
        ((1, 8, 0, 3), "the image has 0 x 8 pixels; it must have one or more"),
        ((0, 8, 8, 3), "the request holds 0 images; send one in each request"),
        ((2, 8, 8, 3), "the request holds 2 images; send one in each request"),
        ((1, 8, 8, 4), "Expected [-1,-1,-1,3], got [1,8,8,4]"),
        ((1, 8, 8, 1), "Expected [-1,-1,-1,3], got [1,8,8,1]"),
        ((8, 8, 3), "Expected [-1,-1,-1,3], got [8,8,3]"),
    ],
)
def test_other_shapes_are_refused_with_what_is_taken(pixel_call, shape, words):
    with pytest.raises(RefusedError) as refused:
        read(pixel_call, np.zeros(shape, np.uint8))
    assert refused.value.status == pixel_call.invalid
    assert words in refused.value.message


def test_unknown_option_is_refused(pixel_call):
    with pytest.raises(RefusedError, match="unknown parameter 'lang'; known are"):
        read(pixel_call, np.zeros((1, 8, 8, 3), np.uint8), lang="english")


def test_first_step_takes_a_file_or_pixels_and_not_both(grpc_call):
    file = grpc_call.input_class("IMAGE", [3], "UINT8").set_data_from_numpy(np.zeros(3, np.uint8))
    pixels = grpc_call.input_class("PIXELS", [1, 2, 2, 3], "UINT8").set_data_from_numpy(
        np.zeros((1, 2, 2, 3), np.uint8)
    )
    for inputs in ([file, pixels], []):
        with pytest.raises(RefusedError, match="image_preprocess takes one of the inputs IMAGE and PIXELS"):
            grpc_call.infer(inputs, "image_preprocess")
