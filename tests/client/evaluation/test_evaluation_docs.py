"""The page on evaluation has every set, option and figure."""

from pathlib import Path

import pytest
from evaluation_regions import upright

from ocdrnet_cli.evaluate import evaluate
from ocdrnet_evaluation.datasets import LAYOUTS
from ocdrnet_evaluation.figures import ImageResult, summarize
from ocdrnet_evaluation.scoring import score_regions
from ocdrnet_evaluation.text_distance import Lexicon

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")
OPTIONS = [option for parameter in evaluate.params for option in parameter.opts if option.startswith("--")]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_set(name):
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option(option):
    assert f"`{option}" in PAGE or f" {option} " in PAGE


def test_every_figure():
    word = upright("word", 0, 0, 9, 9)
    lexicons = {"weak": Lexicon([]), "strong": Lexicon([])}
    figures = summarize([ImageResult("a", Path("a"), score_regions([word], [word], lexicons), 1.0)])
    counts = {"images", "truth", "read", "matched", "edits", "characters"}
    assert [key for key in figures if key not in counts and f"(`{key}`" not in PAGE and f", `{key}`" not in PAGE] == []
