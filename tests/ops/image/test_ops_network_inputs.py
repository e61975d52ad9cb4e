import numpy as np
import pytest

from ocdrnet_ops.errors import TensorError
from ocdrnet_ops.image.network_inputs import check_crops, check_detector_input


def images(height, width, count=1):
    return np.zeros((count, height, width, 3), np.uint8)


@pytest.mark.parametrize("size", [(32, 32), (32, 2016), (2016, 2016), (736, 1312)])
def test_free_detector_takes_multiples_of_32_up_to_its_limit(detector_card, size):
    check_detector_input(images(*size), detector_card())


@pytest.mark.parametrize("size", [(33, 32), (32, 33), (0, 32), (32, 0), (1, 1), (2048, 32), (32, 2048)])
def test_free_detector_refuses_others(detector_card, size):
    message = f"^input is {size[0]} x {size[1]}; this detector takes multiples of 32 up to 2016$"
    with pytest.raises(TensorError, match=message):
        check_detector_input(images(*size), detector_card())


def test_limit_that_is_no_multiple_of_32_is_rounded_up_as_sizes_may_be(detector_card):
    card = detector_card(max_side=1000)
    check_detector_input(images(1024, 32), card)
    with pytest.raises(TensorError, match="up to 1024"):
        check_detector_input(images(1056, 32), card)


def test_fixed_detector_takes_its_own_size_alone(detector_card):
    card = detector_card(resize="stretch", height=736, width=1280)
    check_detector_input(images(736, 1280, count=4), card)
    with pytest.raises(TensorError, match=r"^input is 1280 x 736; this detector takes 736 x 1280$"):
        check_detector_input(images(1280, 736), card)


def crops(columns, count=2):
    return np.zeros((count, 48, columns, 3), np.uint8)


@pytest.mark.parametrize("columns", [0, 32, 100, 3200])
def test_free_recognizer_takes_crops_up_to_its_limit(recognizer_card, columns):
    check_crops(crops(columns), np.array([0, columns], np.int32), recognizer_card())


def test_free_recognizer_refuses_longer_ones(recognizer_card):
    with pytest.raises(TensorError, match=r"^input is 19201 wide; this recognizer takes up to 19200$"):
        check_crops(crops(19201), np.array([1, 1], np.int32), recognizer_card())


def test_limit_is_rounded_up_to_what_crops_are_padded_to(recognizer_card):
    card = recognizer_card(max_width=305)
    check_crops(crops(1856), np.array([300, 0], np.int32), card)
    with pytest.raises(TensorError, match="up to 1856"):
        check_crops(crops(1857), np.array([300, 0], np.int32), card)


def test_fixed_recognizer_takes_its_own_width_alone(recognizer_card):
    card = recognizer_card(width=100)
    check_crops(crops(100), np.array([100, 0], np.int32), card)
    with pytest.raises(TensorError, match=r"^input is 99 wide; this recognizer takes 100$"):
        check_crops(crops(99), np.array([99, 0], np.int32), card)


@pytest.mark.parametrize("wrong", [-1, 101, 2_000_000_000])
def test_width_outside_its_crop_is_refused(recognizer_card, wrong):
    with pytest.raises(TensorError, match=f"^CROP_WIDTHS has {wrong}; its crop's columns allow 0 to 100$"):
        check_crops(crops(100), np.array([50, wrong], np.int32), recognizer_card())
