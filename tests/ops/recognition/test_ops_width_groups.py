import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocdrnet_ops.recognition.width_groups import BATCH_SIZES, group_by_width, padded_width

WIDTHS = st.lists(st.integers(1, 3200), max_size=60)


def group(widths, **limits):
    return group_by_width(np.array(widths, np.int32), **{"max_columns": 4096, **limits})


@given(WIDTHS)
def test_every_crop_is_in_exactly_one_group(widths):
    members = [member for found in group(widths) for member in found.members]
    assert sorted(members) == list(range(len(widths)))


@given(WIDTHS, st.integers(1, 8192))
def test_groups_keep_the_limits(widths, columns):
    for found in group(widths, max_columns=columns):
        assert len(found.members) in BATCH_SIZES
        assert len(found.members) == 1 or len(found.members) * found.width <= columns
        assert all(widths[member] <= found.width for member in found.members)


@given(WIDTHS, st.integers(1, 3200))
def test_padding_of_a_crop_does_not_depend_on_its_neighbours(widths, width):
    alone = group([width])[0].width
    together = next(found for found in group([*widths, width]) if len(widths) in found.members)
    assert together.width == alone == padded_width(width)


def test_the_longest_come_first():
    found = [entry.width for entry in group([40, 3000, 900, 41, 300])]
    assert found == sorted(found, reverse=True)


def test_seven_equal_crops_are_four_two_and_one():
    assert [found.members for found in group([100] * 7)] == [(0, 1, 2, 3), (4, 5), (6,)]


def test_columns_bound_the_batch():
    assert [len(found.members) for found in group([100] * 20, max_columns=8 * padded_width(100))] == [8, 8, 4]
    assert [len(found.members) for found in group([3200] * 3)] == [1, 1, 1]


def test_no_crops():
    assert group([]) == []


@given(st.integers(1, 5000))
def test_padding_is_monotone_and_leaves_room(width):
    padded = padded_width(width)
    assert padded - width >= max(16, width // 16)
    assert padded % 32 == 0
    assert padded <= padded_width(width + 1)
    assert padded - width <= max(96, width // 16 + 512)


@pytest.mark.parametrize("width", [1, 80])
def test_short_crops_share_the_least_width(width):
    assert padded_width(width) == 96


def test_few_widths_have_to_be_prepared():
    assert len({padded_width(width) for width in range(1, 3201)}) <= 32


def test_a_crop_of_no_width_is_not_read():
    groups = group_by_width(np.array([0, 100, 0, 100], np.int32), 4096)
    assert [group.members for group in groups] == [(1, 3)]
    assert group_by_width(np.array([0], np.int32), 4096) == []
