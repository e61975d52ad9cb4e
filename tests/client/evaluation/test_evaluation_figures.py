"""Figures of a set, and their floors."""

from pathlib import Path

import pytest
from evaluation_regions import upright

from ocdrnet_evaluation.errors import FloorsError
from ocdrnet_evaluation.figures import ImageResult, flattened, percentile, summarize
from ocdrnet_evaluation.scoring import score_page, score_regions
from ocdrnet_evaluation.summary import check_names, parse_floors, under_floors

WORD = upright("word", 0, 0, 40, 10)


def result(name, truth, read, seconds=1.0, error=None):
    return ImageResult(name, Path(name), score_regions(truth, read), seconds, error)


def test_counts_are_added_up_before_they_are_divided():
    figures = summarize([result("a", [WORD], [WORD]), result("b", [WORD] * 3, []), result("c", [], [WORD])])
    assert (figures["images"], figures["truth"], figures["read"], figures["matched"]) == (3, 4, 2, 1)
    assert figures["detection"] == {"precision": 0.5, "recall": 0.25, "hmean": 0.3333}
    assert figures["bag_of_words"] == {"precision": 0.5, "recall": 0.25, "f1": 0.3333}


def test_a_failed_image_is_named_and_has_no_time():
    figures = summarize([result("a", [WORD], [WORD], 2.0), result("b", [WORD], [], None, "refused")])
    assert figures["failed"] == ["b"]
    assert figures["seconds_per_image"] == {"median": 2.0, "p95": 2.0}
    assert figures["detection"]["recall"] == 0.5


def test_what_cannot_be_told_is_none():
    figures = summarize([result("a", [WORD], [], None, "refused")])
    assert figures["character_error_rate"] is None
    assert figures["seconds_per_image"] == {"median": None, "p95": None}


def test_pages_have_no_detection():
    figures = summarize([ImageResult("a", Path("a"), score_page("some text", []), 1.0)])
    assert "detection" not in figures
    assert "end_to_end" not in figures
    assert figures["character_error_rate"] == 1.0


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (10, 10), (20, 19), (100, 95)])
def test_percentile_is_the_nearest_rank(count, expected):
    assert percentile(range(count, 0, -1), 0.95) == expected


def test_floors_are_figures_and_numbers():
    assert parse_floors('{"comment": "why", "detection.hmean": 0.5}', "f") == {"detection.hmean": 0.5}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("{", "f.json is not JSON"),
        ("[]", "f.json holds no object"),
        ('{"detection.hmean": "0.5"}', "the floor of detection.hmean is '0.5'; it must be a number"),
        ('{"detection.hmean": true}', "must be a number"),
    ],
)
def test_anything_else_is_refused(content, fault):
    with pytest.raises(FloorsError, match=fault.replace(".", r"\.")):
        parse_floors(content, "f.json")


def test_a_floor_of_no_figure_is_refused_with_a_list():
    figures = flattened(summarize([result("a", [WORD], [WORD])]))
    check_names({"end_to_end.hmean": 0.5, "character_error_rate": 0.1, "seconds_per_image.p95": 1}, figures, "f")
    with pytest.raises(FloorsError, match=r"no figure 'detection' here; there are .*detection\.hmean"):
        check_names({"detection": 0.5}, figures, "f")


def test_worse_than_a_floor_is_said():
    figures = {"detection.hmean": 0.5, "character_error_rate": 0.2, "seconds_per_image.median": None}
    assert list(under_floors({"detection.hmean": 0.5, "character_error_rate": 0.2}, figures)) == []
    assert list(under_floors({"detection.hmean": 0.51, "character_error_rate": 0.1}, figures)) == [
        "detection.hmean is 0.5, under its floor 0.51",
        "character_error_rate is 0.2, over its ceiling 0.1",
    ]
    assert list(under_floors({"seconds_per_image.median": 1}, figures)) == [
        "seconds_per_image.median is unknown; its floor is 1"
    ]
