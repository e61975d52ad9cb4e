"""Callers who ask a network past the ensemble: what it cannot take is refused, and nobody else notices."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from encoded_images import SIGN_TEXT, encode, sign
from ensemble_calls import RefusedError

GOOD = encode(sign(), "PNG")
QUICK = {"detector_side": 96}
DETECTOR_TAKES = "this detector takes multiples of 32 up to 2016"
ROUNDS = 20

BAD_IMAGES = {
    "no multiple of 32": ((1, 33, 64, 3), f"input is 33 x 64; {DETECTOR_TAKES}"),
    "second of two": ((2, 32, 100, 3), f"input is 32 x 100; {DETECTOR_TAKES}"),
    "one pixel": ((1, 1, 1, 3), f"input is 1 x 1; {DETECTOR_TAKES}"),
    "no width": ((1, 32, 0, 3), f"input is 32 x 0; {DETECTOR_TAKES}"),
    "too long": ((1, 32, 2048, 3), f"input is 32 x 2048; {DETECTOR_TAKES}"),
}
BAD_CROPS = {
    "width over its columns": (100, [100, 101], "CROP_WIDTHS has 101; its crop's columns allow 0 to 100"),
    "more than all memory": (100, [2_000_000_000, 1], "CROP_WIDTHS has 2000000000; its crop's columns allow 0 to 100"),
    "below nothing": (100, [-1, 1], "CROP_WIDTHS has -1; its crop's columns allow 0 to 100"),
    "too long": (19_201, [1, 1], "input is 19201 wide; this recognizer takes up to 19200"),
}


def tensor(call, name, array, kind):
    made = call.input_class(name, list(array.shape), kind)
    made.set_data_from_numpy(array)
    return made


def detect(call, shape):
    return call.infer([tensor(call, "input", np.full(shape, 255, np.uint8), "UINT8")], model="ocdnet")


def recognize(call, columns, widths):
    crops = tensor(call, "input", np.full((len(widths), 48, columns, 3), 255, np.uint8), "UINT8")
    own = tensor(call, "CROP_WIDTHS", np.array(widths, np.int32)[:, None], "INT32")
    return call.infer([crops, own], model="ocrnet")


def refusal(call, ask):
    with pytest.raises(RefusedError) as caught:
        ask(call)
    assert caught.value.status == call.invalid
    return caught.value.message


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_detector_refuses_what_it_cannot_take(grpc_call, case):
    shape, message = BAD_IMAGES[case]
    assert refusal(grpc_call, lambda call: detect(call, shape)) == message
    assert grpc_call(GOOD, **QUICK).texts == [SIGN_TEXT]
    assert detect(grpc_call, (2, 64, 96, 3)).as_numpy("pred").shape == (2, 1, 64, 96)


@pytest.mark.parametrize("case", BAD_CROPS)
def test_recognizer_refuses_what_it_cannot_take(grpc_call, case):
    columns, widths, message = BAD_CROPS[case]
    assert refusal(grpc_call, lambda call: recognize(call, columns, widths)) == message
    assert grpc_call(GOOD, **QUICK).texts == [SIGN_TEXT]
    assert recognize(grpc_call, 96, [96, 0]).as_numpy("output_id").shape == (2, 12)


@pytest.mark.full
def test_others_in_the_same_batches_are_answered(grpc_call):
    def ask_badly(_):
        refusal(grpc_call, lambda call: detect(call, (1, 33, 64, 3)))
        refusal(grpc_call, lambda call: recognize(call, 100, [101]))

    with ThreadPoolExecutor(4) as bad, ThreadPoolExecutor(4) as good:
        refused = [bad.submit(ask_badly, turn) for turn in range(5 * ROUNDS)]
        read = [good.submit(grpc_call, GOOD, **QUICK) for _ in range(4 * ROUNDS)]
        assert [answer.result().texts for answer in read] == [[SIGN_TEXT]] * len(read)
        for one in refused:
            one.result()
