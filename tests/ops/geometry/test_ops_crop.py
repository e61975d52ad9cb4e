import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.geometry.crop import crop_lines, crop_widths, fill_beside, longest_crop, side_shares
from ocdrnet_ops.geometry.text_outline import POINTS, grow_across, grow_along, outline_sizes, quad_outlines

CARD = RecognizerCard("r", "s", "l", "0", height=48, decoder="ctc", characters=("a",))
FIXED = RecognizerCard("r", "s", "l", "0", height=32, decoder="ctc", characters=("a",), width=100)


def upright(x, y, width, height):
    return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], np.float32)


def pattern(width=192, height=48):
    """Smooth, with another look in every mirror image and turn, and three different channels."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = [200 * x, 200 * y, 100 + 90 * np.sin(12 * x + 3 * y)]
    return np.dstack(channels).astype(np.uint8)


def drawn(quad, shape=(500, 500)):
    """An image with the pattern warped into a quad."""
    source = pattern()
    corners = upright(0, 0, source.shape[1], source.shape[0])
    matrix = cv2.getPerspectiveTransform(corners - 0.5, quad - 0.5)
    return cv2.warpPerspective(source, matrix, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("degrees", [0, 15, 45, 90, 135, 180, 225, 270, -30])
@pytest.mark.parametrize("size", [(192, 48), (384, 96), (100, 25)])
def test_text_at_any_turn_comes_back_upright(degrees, size):
    quad = np.roll(cv2.boxPoints(((250, 250), size, degrees)), -1, axis=0)
    crops = crop_lines(drawn(quad), quad[None], CARD)
    assert crops.pixels.shape == (1, 48, 192, 3)
    assert crops.widths.tolist() == [[192]]
    assert np.abs(crops.pixels[0].astype(int) - pattern()).mean() < 3


@pytest.mark.parametrize(("padding", "beside"), [("gray", 127), ("black", 0), ("edge", None)])
def test_a_short_crop_of_a_fixed_width_keeps_its_aspect_where_the_card_says_so(padding, beside):
    """As docTR's and EasyOCR's recognizers are trained."""
    image = np.random.default_rng(0).integers(1, 120, (200, 300, 3), np.uint8)
    card = dataclasses.replace(FIXED, keep_aspect=True, padding=padding)
    crops = crop_lines(image, np.stack([upright(40, 60, 64, 32), upright(0, 60, 300, 32)]), card)
    assert crops.widths.tolist() == [[64], [100]]
    np.testing.assert_array_equal(crops.pixels[0, :, :64], image[60:92, 40:104])
    expected = crops.pixels[0, :, 63:64] if beside is None else beside
    assert (crops.pixels[0, :, 64:] == expected).all()


@pytest.mark.parametrize("place", [(-90, 10), (110, 10), (10, -90), (10, 210), (400, 400)])
def test_a_box_beside_the_image_shows_its_border_and_harms_no_other(place):
    """Seen with a detector of random weights: one such box, and the whole image was answered with an error."""
    image = np.full((200, 100, 3), 77, np.uint8)
    beside, inside = upright(*place, 60, 20), upright(20, 60, 60, 20)
    crops = crop_lines(image, np.stack([beside, inside]), CARD)
    assert crops.pixels.shape[0] == 2
    assert (crops.pixels == 77).all()


def test_unturned_box_of_the_right_size_is_copied():
    image = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    crops = crop_lines(image, upright(40, 60, 96, 48)[None], CARD)
    np.testing.assert_array_equal(crops.pixels[0], image[60:108, 40:136])


def test_no_box_is_one_blank_crop():
    crops = crop_lines(pattern(), np.zeros((0, 4, 2), np.float32), CARD)
    assert crops.pixels.shape == (1, 48, 32, 3)
    assert not crops.pixels.any()
    assert crops.widths.tolist() == [[0]]
    fixed = crop_lines(pattern(), np.zeros((0, 4, 2), np.float32), FIXED)
    assert fixed.pixels.shape == (1, 32, 100, 3)
    assert fixed.widths.tolist() == [[0]]


def test_crops_are_padded_with_their_last_column_to_a_multiple_of_32():
    image = np.random.default_rng(1).integers(0, 255, (200, 300, 3), np.uint8)
    crops = crop_lines(image, np.stack([upright(10, 10, 50, 48), upright(20, 90, 100, 48)]), CARD)
    assert crops.pixels.shape == (2, 48, 128, 3)
    assert crops.widths.tolist() == [[50], [100]]
    for crop, (width,), box in zip(crops.pixels, crops.widths, [(10, 10), (20, 90)], strict=True):
        np.testing.assert_array_equal(crop[:, :width], image[box[1] : box[1] + 48, box[0] : box[0] + width])
        assert (crop[:, width:] == crop[:, width - 1 : width]).all()


def test_crops_keep_the_order_of_their_boxes():
    image = np.zeros((100, 400, 3), np.uint8)
    for i in range(4):
        image[:, 100 * i : 100 * i + 100] = 60 * i
    boxes = np.stack([upright(100 * i + 10, 20, 60, 40) for i in (2, 0, 3, 1)])
    assert crop_lines(image, boxes, CARD).pixels.mean(axis=(1, 2, 3)).tolist() == [120, 0, 180, 60]


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (100, 48, 100),
        (100, 24, 200),
        (100, 96, 50),
        (10, 48, 32),
        (31, 48, 32),
        (33, 48, 33),
        (40_000, 10, 19_200),
        (101, 96, 50),
    ],
)
def test_widths_keep_the_aspect_within_limits(width, height, expected):
    widths = crop_widths(upright(0, 0, width, height)[None], CARD)
    assert widths.tolist() == [expected]
    assert widths.dtype == np.int32


def test_height_under_a_pixel_does_not_make_a_crop_endless():
    assert crop_widths(upright(0, 0, 20, 0.01)[None], CARD).tolist() == [960]


def test_long_line_is_squeezed_into_the_cards_limit():
    card = RecognizerCard("r", "s", "l", "0", height=48, decoder="ctc", characters=("a",), max_width=320)
    image = np.zeros((48, 10_000, 3), np.uint8)
    image[:, 5000:] = 200
    crops = crop_lines(image, upright(0, 0, 10_000, 48)[None], card)
    assert crops.pixels.shape == (1, 48, 6 * 320, 3)
    columns = crops.pixels[0, 24, :, 0]
    assert (columns[:955] == 0).all()
    assert (columns[965:] == 200).all()


@pytest.mark.parametrize(("count", "longest"), [(1, 1920), (66, 1920), (100, 1280), (201, 320), (1000, 320)])
def test_many_crops_leave_less_room_for_a_long_one(count, longest):
    assert longest_crop(count, dataclasses.replace(CARD, max_width=320)) == longest


def test_fixed_width_stretches_every_crop():
    crops = crop_lines(pattern(), np.stack([upright(0, 0, 192, 48), upright(0, 0, 48, 48)]), FIXED)
    assert crops.pixels.shape == (2, 32, 100, 3)
    assert crops.widths.tolist() == [[100], [100]]
    expected = cv2.resize(pattern(), (100, 32), interpolation=cv2.INTER_LINEAR)
    assert np.abs(crops.pixels[0].astype(int) - expected).max() <= 2


CUBIC = dataclasses.replace(FIXED, interpolation="cubic")


@pytest.mark.parametrize(("card", "interpolation"), [(FIXED, cv2.INTER_LINEAR), (CUBIC, cv2.INTER_CUBIC)])
@pytest.mark.parametrize(("width", "height"), [(150, 50), (60, 20), (199, 63), (60, 60)])
def test_stretch_is_the_cards_interpolation(card, interpolation, width, height):
    image = np.random.default_rng(3).integers(0, 255, (height, width, 3), np.uint8)
    crops = crop_lines(image, upright(0, 0, width, height)[None], card)
    np.testing.assert_array_equal(crops.pixels[0], cv2.resize(image, (100, 32), interpolation=interpolation))


@pytest.mark.parametrize(("width", "height"), [(700, 32), (100, 120), (730, 100), (90, 120), (900, 25)])
def test_stretch_that_shrinks_is_close_to_pillows_bicubic(width, height):
    """What TAO trains OCRNet with. OpenCV's alone is more than twice as far from it."""
    noise = np.random.default_rng(4).integers(0, 255, (height, width, 3), np.uint8)
    expected = np.asarray(Image.fromarray(noise).resize((100, 32), Image.Resampling.BICUBIC)).astype(int)
    found = crop_lines(noise, upright(0, 0, width, height)[None], CUBIC).pixels[0]
    plain = cv2.resize(noise, (100, 32), interpolation=cv2.INTER_CUBIC)
    assert np.abs(found - expected).mean() < 0.5 * np.abs(plain - expected).mean()


def test_box_at_the_border_sees_the_border_repeated():
    image = np.full((60, 100, 3), 50, np.uint8)
    image[:, 99] = 200
    crops = crop_lines(image, upright(60, 6, 40, 48)[None], CARD)
    assert crops.pixels[0, 24, 39].tolist() == [200] * 3
    assert crops.pixels.min() == 50  # no black from outside


def test_large_print_is_averaged_not_sampled():
    image = np.zeros((960, 2000, 3), np.uint8)
    image[:, ::2] = 200
    crop = crop_lines(image, upright(0, 0, 2000, 960)[None], CARD).pixels[0].astype(int)
    assert abs(crop.mean() - 100) < 8


@pytest.mark.parametrize(
    ("height", "interpolation"), [(90, cv2.INTER_LINEAR), (96, cv2.INTER_AREA), (120, cv2.INTER_AREA)]
)
def test_from_twice_the_height_on_pixels_are_averaged_by_area(height, interpolation):
    image = np.random.default_rng(2).integers(0, 255, (height, 400, 3), np.uint8)
    crops = crop_lines(image, upright(0, 0, 400, height)[None], CARD)
    expected = cv2.resize(image, (int(crops.widths[0, 0]), 48), interpolation=interpolation)
    np.testing.assert_array_equal(crops.pixels[0, :, : expected.shape[1]], expected)


@pytest.mark.parametrize(("height", "width"), [(100, 40_000), (40_000, 100)])
def test_images_over_opencvs_warp_limit_are_cropped(height, width):
    image = np.zeros((height, width, 3), np.uint8)
    y, x = height - 90, width - 95
    image[y : y + 48, x : x + 80] = pattern(80)
    crops = crop_lines(image, np.stack([upright(x, y, 80, 48), upright(3, 1, 80, 48)]), CARD)
    np.testing.assert_array_equal(crops.pixels[0, :, :80], pattern(80))
    assert not crops.pixels[1].any()


@pytest.mark.parametrize("length", [39_000, 60_000])
def test_line_over_opencvs_warp_limit_is_shrunk_and_cropped(length):
    image = np.zeros((100, length, 3), np.uint8)
    image[:, length // 2 :] = 200
    crop = crop_lines(image, upright(0, 0, length, 100)[None], CARD).pixels[0]
    middle = min(19_200, length * 48 // 100) // 2
    assert crop.shape == (48, 2 * middle, 3)
    assert not crop[:, : middle - 10].any()
    assert (crop[:, middle + 10 :] == 200).all()


def test_image_at_the_warp_limit_with_a_diagonal_box():
    image = np.full((1000, 20_000, 3), 80, np.uint8)
    quad = np.array([(0, 0), (19_900, 900), (19_890, 1000), (0, 90)], np.float32)
    assert (crop_lines(image, quad[None], CARD).pixels == 80).all()


PLACES = st.tuples(st.sampled_from([0.0, 0.4, 17.5, 59.0, 80.0]), st.sampled_from([0.0, 0.4, 17.5, 59.0, 60.0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PLACES, PLACES, PLACES, PLACES), min_size=1, max_size=4))
def test_any_quad_has_a_crop(corners):
    """Also those that are no rectangles any more: clipping may lay corners on each other or on one line."""
    boxes = np.array(corners, np.float32)
    crops = crop_lines(np.full((60, 80, 3), 77, np.uint8), boxes, CARD)
    assert len(crops.pixels) == len(crops.widths) == len(boxes)
    assert crops.pixels.shape[2] % 32 == 0
    assert ((crops.widths >= 32) & (crops.widths <= crops.pixels.shape[2])).all()


def arc(sweep, middle=270, radius=150, half=24, center=(250, 250)):
    """An outline along an arc, clockwise, of `sweep` degrees about the angle `middle`."""
    angles = np.deg2rad(np.linspace(middle - sweep / 2, middle + sweep / 2, POINTS))
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    sides = [np.add(center, (radius + half) * circle), np.add(center, (radius - half) * circle)[::-1]]
    return np.concatenate(sides).astype(np.float32)


def bent(pattern, sweep, middle=270, radius=150, half=24, center=(250, 250), shape=(500, 500)):
    """An image with a pattern bent into that arc."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    x, y = x - center[0], y - center[1]
    turn = (np.rad2deg(np.arctan2(y, x)) - middle + 180) % 360 - 180
    source_x = (turn / sweep + 0.5) * pattern.shape[1] - 0.5
    source_y = (radius + half - np.hypot(x, y)) / (2 * half) * pattern.shape[0] - 0.5
    maps = source_x.astype(np.float32), source_y.astype(np.float32)
    return cv2.remap(pattern, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("middle", [270, 90, 0, 200])
@pytest.mark.parametrize("sweep", [60, 120, 200])
def test_bent_text_comes_back_straight(sweep, middle):
    width = round(np.deg2rad(sweep) * 150)
    outline = arc(sweep, middle)
    crops = crop_lines(bent(pattern(width), sweep, middle), outline[None], CARD)
    assert crops.widths[0, 0] == pytest.approx(width, abs=0.01 * width + 1)
    expected = cv2.resize(pattern(width), (int(crops.widths[0, 0]), 48)).astype(int)
    assert np.abs(crops.pixels[0, :, : crops.widths[0, 0]] - expected).mean() < 4


def test_straight_outlines_are_cropped_as_quads():
    quads = np.stack([upright(40, 60, 96, 48), np.roll(cv2.boxPoints(((250, 250), (180, 40), 25)), -1, axis=0)])
    image = cv2.resize(pattern(), (500, 500))
    for card in (CARD, dataclasses.replace(CARD, crop_margin=0.1)):
        expected, found = crop_lines(image, quads, card), crop_lines(image, quad_outlines(quads), card)
        np.testing.assert_array_equal(found.widths, expected.widths)
        np.testing.assert_array_equal(found.pixels, expected.pixels)


def test_straight_and_bent_outlines_share_a_batch():
    boxes = np.concatenate([quad_outlines(upright(10, 400, 192, 48)[None]), arc(120)[None]])
    crops = crop_lines(np.full((500, 500, 3), 90, np.uint8), boxes, CARD)
    assert len(crops.pixels) == 2
    assert (crops.pixels == 90).all()
    assert crops.widths[0, 0] == 192


def test_no_outline_is_one_blank_crop():
    crops = crop_lines(pattern(), np.zeros((0, 2 * POINTS, 2), np.float32), CARD)
    assert crops.pixels.shape == (1, 48, 32, 3)


def test_bent_outline_is_stretched_to_a_fixed_width():
    crops = crop_lines(np.full((500, 500, 3), 90, np.uint8), arc(120)[None], FIXED)
    assert crops.pixels.shape == (1, 32, 100, 3)
    assert crops.widths.tolist() == [[100]]


def test_bent_outline_at_the_border_sees_the_border_repeated():
    crops = crop_lines(np.full((500, 500, 3), 60, np.uint8), arc(120, center=(30, 120))[None], CARD)
    assert (crops.pixels == 60).all()


def test_large_bent_outline_in_a_large_image_is_cropped():
    image = np.zeros((10_000, 21_000, 3), np.uint8)
    image[:, 10_500:] = 200
    outline = arc(140, radius=9_000, half=300, center=(10_500, 9_800))
    crop = crop_lines(image, outline[None], CARD)
    half = int(crop.widths[0, 0]) // 2
    assert not crop.pixels[0, :, : half - 2].any()
    assert (crop.pixels[0, :, half + 2 : 2 * half] == 200).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(PLACES, min_size=8, max_size=8), min_size=1, max_size=3))
def test_any_outline_has_a_crop(outlines):
    crops = crop_lines(np.full((60, 80, 3), 77, np.uint8), np.array(outlines, np.float32), CARD)
    assert len(crops.pixels) == len(crops.widths) == len(outlines)
    assert ((crops.widths >= 32) & (crops.widths <= crops.pixels.shape[2])).all()
    assert (crops.pixels == 77).all()


def test_margin_shows_what_lies_above_and_below(recognizer_card):
    """Rows are as bright as their number: a box of rows 40 to 80 shows 20 to 100 with a margin of a half."""
    rows = np.repeat(np.arange(120, dtype=np.uint8)[:, None, None], 200, axis=1).repeat(3, axis=2)
    boxes = np.array([[(50, 40), (150, 40), (150, 80), (50, 80)]], np.float32)
    plain = crop_lines(rows, boxes, recognizer_card())
    wide = crop_lines(rows, boxes, recognizer_card(crop_margin=0.5))
    assert (plain.widths[0, 0], wide.widths[0, 0]) == (120, 94)  # 156 x 80 pixels
    assert (plain.pixels[0, 0, 0, 0], plain.pixels[0, -1, 0, 0]) == (40, 79)
    assert wide.pixels[0, 0, 0, 0] == pytest.approx(20, abs=1)
    assert wide.pixels[0, -1, 0, 0] == pytest.approx(99, abs=1)


@pytest.mark.parametrize(("width", "side"), [(200, 28), (60, 28), (56, 0)])
def test_margin_shows_what_lies_beside_a_line_but_not_beside_a_lone_character(recognizer_card, width, side):
    """Columns are half as bright as their number: a line 40 high shows 28 more at both ends with a margin of 0.5."""
    columns = np.tile((np.arange(400) // 2).astype(np.uint8)[None, :, None], (200, 1, 3))
    boxes, card = upright(100, 60, width, 40)[None], recognizer_card(crop_margin=0.5)
    crops = crop_lines(columns, boxes, card)
    row = crops.pixels[0, 24, :, 0].astype(int)
    assert row[0] == pytest.approx((100 - side) / 2, abs=2)
    assert row[crops.widths[0, 0] - 1] == pytest.approx((100 + width + side) / 2, abs=2)
    assert side_shares(boxes, card)[0].tolist() == pytest.approx([side / (width + 2 * side)] * 2)


@pytest.mark.parametrize("gap", [12, 11, -5])
def test_margin_shows_nothing_of_a_box_beside(recognizer_card, gap):
    boxes, card = (
        np.stack([upright(100, 60, 100, 40), upright(200 + gap, 62, 100, 40)]),
        recognizer_card(crop_margin=0.2),
    )
    shares = side_shares(boxes, card)
    outside, between = (11.2 / 122.4, 11.2 / 122.4) if gap > 11.2 else (11.2 / 111.2, 0)
    np.testing.assert_allclose(shares, [(outside, between), (between, outside)], rtol=1e-5)
    apart = np.stack([boxes[0], boxes[1] + np.float32([0, 60])])
    assert (side_shares(apart, card) > 0).all()


def test_a_box_of_the_line_below_takes_no_margin(recognizer_card):
    """The middle of the first line's end, and 11 pixels behind it, lies in the upper quarter of the other box."""
    boxes = np.stack([upright(100, 60, 100, 40), upright(196, 75, 100, 40)])
    shares = side_shares(boxes, recognizer_card(crop_margin=0.2))
    assert (shares > 0).all()
    boxes[1] -= np.float32([0, 15])
    assert side_shares(boxes, recognizer_card(crop_margin=0.2))[0, 1] == 0


@pytest.mark.parametrize("value", [-1, 0, 127])
@pytest.mark.parametrize("width", [1, 5, 9, 10])
def test_beside_a_crop_stands_its_last_column_or_one_gray_level(width, value):
    crop = np.random.default_rng(width).integers(0, 255, (4, 10, 3), np.uint8)
    expected = crop.copy()
    expected[:, width:] = crop[:, width - 1 : width] if value < 0 else value
    fill_beside(crop, width, value)
    np.testing.assert_array_equal(crop, expected)


def plain_crops(image, boxes, card):
    """Crops of quads one by one, as a reader of `crop_lines` would write them."""
    margins = side_shares(boxes, card)
    sizes = outline_sizes(boxes)
    before = margins * sizes[:, :1] / (1 - margins.sum(axis=1, keepdims=True))
    grown = grow_along(grow_across(boxes, card.crop_margin), before)
    widths = crop_widths(grown, card)
    crops = []
    for box, size, own in zip(grown, outline_sizes(grown), widths.tolist(), strict=True):
        width, height = np.maximum(1, np.rint(size)).astype(int).tolist()
        corners = upright(0, 0, width, height) - np.float32(0.5)
        if np.abs(box[0] - box[1] + box[2] - box[3]).max() < 0.5:
            matrix = np.vstack([cv2.getAffineTransform((box - 0.5)[:3], corners[:3]), [0, 0, 1]])
        else:
            matrix = cv2.getPerspectiveTransform(box - np.float32(0.5), corners)
        line = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        method = cv2.INTER_AREA if height >= 2 * card.height else cv2.INTER_LINEAR
        crops.append(cv2.resize(line, (own, card.height), interpolation=method))
    return crops


@pytest.mark.parametrize("margin", [0.0, 0.1])
def test_many_crops_at_once_are_those_of_their_boxes_one_by_one(margin):
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 255, (400, 600, 3), np.uint8), (0, 0), 2)
    card = dataclasses.replace(CARD, crop_margin=margin)
    boxes = np.stack([upright(x, y, 30 * (x + 50) / 100, 12 + y / 4) for x in (20, 210, 400) for y in (10, 150, 280)])
    boxes[::2] += rng.uniform(-4, 4, (5, 4, 2))  # no parallelograms any more
    found = crop_lines(image, boxes.astype(np.float32), card)
    plain = plain_crops(image, boxes.astype(np.float32), card)
    for crop, width, expected in zip(found.pixels, found.widths[:, 0].tolist(), plain, strict=True):
        assert expected.shape[1] == width
        assert np.abs(crop[:, :width].astype(int) - expected).max() <= 4  # two warps, which round otherwise
        assert (crop[:, width:] == crop[:, width - 1 : width]).all()
