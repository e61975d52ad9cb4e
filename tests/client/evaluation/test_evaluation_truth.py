"""Truth files of ICDAR 2015 and SROIE."""

import pytest

from ocdrnet_evaluation.datasets import parse_regions
from ocdrnet_evaluation.errors import TruthError


def test_a_line_is_four_corners_and_a_text_that_may_have_commas():
    (region,) = parse_regions("72,25,326,25,326,64,72,64.5,27,JALAN DEDAP 13,\r\n", "a.csv")
    assert region.text == "27,JALAN DEDAP 13,"
    assert region.points == ((72, 25), (326, 25), (326, 64), (72, 64.5))
    assert not region.is_dont_care


def test_three_signs_are_dont_care():
    assert [region.is_dont_care for region in parse_regions("0,0,1,0,1,1,0,1,###\n0,0,1,0,1,1,0,1,##\n", "a")] == [
        True,
        False,
    ]


def test_a_byte_order_mark_and_empty_lines_are_no_regions():
    assert len(parse_regions("\ufeff0,0,9,0,9,9,0,9,one\n\n  \n0,0,9,0,9,9,0,9,two", "a")) == 2
    assert parse_regions("", "a") == ()


def test_a_region_may_have_no_text():
    assert parse_regions("0,0,9,0,9,9,0,9,", "a")[0].text == ""


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("0,0,9,0,9,9,0,9", "has 8 fields"),
        ("a text alone", "'a text alone' has 1 fields"),
        ("0,0,9,0,9,9,0,bottom,text", "'bottom' is no coordinate"),
        ("0,0,9,0,9,9,0,nan,text", "'nan' is no coordinate"),
        ("0,0,9,0,9,9,0,,text", "'' is no coordinate"),
    ],
)
def test_a_malformed_line_is_named(line, fault):
    with pytest.raises(TruthError) as caught:
        parse_regions(f"0,0,9,0,9,9,0,9,one\n\n{line}\n", "folder/gt_img_7.txt")
    assert str(caught.value).startswith(f"folder/gt_img_7.txt, line 3: {fault}" if fault[0] == "'" else "folder/")
    assert ", line 3: " in str(caught.value)
    assert fault in str(caught.value)
    assert str(caught.value).endswith("expected x1,y1,x2,y2,x3,y3,x4,y4,text")
