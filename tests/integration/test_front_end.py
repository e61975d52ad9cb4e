"""A repository built with `--front-end gpu` on a machine without a GPU: a real Triton serves it on CPU tensors."""

import pytest
from sample_truth import NAMES, SAMPLES

from ocdrnet_client.errors import InvalidRequestError

pytestmark = pytest.mark.full

JPEG = (SAMPLES / "storefront.jpg").read_bytes()
REFUSED = {"empty": b"", "no image": b"abc", "cut": JPEG[:20_000], "two headers": JPEG[:1000] + JPEG}


def answer(client, image, **options):
    try:
        return [line.text for line in client.read(image, **options).lines]
    except InvalidRequestError as error:
        return str(error)


def characters(page):
    """Of each line; a blank in doubt comes and goes with the last bit of a pixel."""
    return ["".join(line.text.split()) for line in page.lines]


def test_texts_and_errors_are_those_of_the_front_end_for_a_cpu(serve_built, client, read_alone):
    with serve_built("--front-end", "gpu") as other, other.client() as on_tensors:
        says = "the front end on the GPU has no GPU here: it works on CPU tensors"
        assert {f"{step}: {says}" in "\n".join(other.log) for step in ("image_preprocess", "text_crop")} == {True}
        for name in NAMES:
            page = on_tensors.read(SAMPLES / name)
            assert characters(page) == characters(read_alone[name]), name
        for name, data in REFUSED.items():
            assert answer(on_tensors, data) == answer(client, data), name
        for options in ({"tiling": "on"}, {"detector_side": 320}):
            path = SAMPLES / "rotated.jpg"
            assert answer(on_tensors, path, **options) == answer(client, path, **options), options
