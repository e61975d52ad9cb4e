"""The committed evaluation set and the program that draws it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ocdrnet_evaluation.datasets import LAYOUTS, load_dataset

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "samples" / "evaluation"
DRAW = "import sys, pathlib; from samples.evaluation.scenes import SCENES; from samples.drawing import fonts\n"
DRAW += "absent = fonts.missing(); sys.exit(f'fonts not installed: {absent}') if absent else None\n"
DRAW += "[scene().save(pathlib.Path(sys.argv[1])) for scene in SCENES]"


def cases(folder=FOLDER):
    return load_dataset(LAYOUTS["icdar2015"], folder, folder).cases


def test_every_image_has_truth_and_the_other_way_round():
    assert len(cases()) == len(list(FOLDER.glob("*.jpg"))) == len(list(FOLDER.glob("gt_*.txt"))) == 6


def test_the_set_stays_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.jpg")) < 400_000


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_words_lie_inside_their_image_and_are_one_word_each(case):
    with Image.open(case.image) as picture:
        width, height = picture.size
    for region in case.regions:
        assert re.fullmatch(r"\S+", region.text)
        assert all(0 <= x <= width and 0 <= y <= height for x, y in region.points)


def test_the_set_has_dont_care_words_and_an_image_without_any():
    assert any(region.is_dont_care for case in cases() for region in case.regions)
    assert any(not case.regions for case in cases())


def test_the_readme_counts_the_words():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for case in cases():
        count = sum(not region.is_dont_care for region in case.regions)
        assert f"| `{case.name}` | {count} |" in text


@pytest.mark.full
def test_redrawing_gives_the_same_truth(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", DRAW, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    if "fonts not installed" in run.stderr:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr
    for redrawn, case in zip(cases(tmp_path), cases(), strict=True):
        assert [region.text for region in redrawn.regions] == [region.text for region in case.regions]
        for region, other in zip(redrawn.regions, case.regions, strict=True):
            # Another FreeType may round a glyph's edge to the neighbouring pixel.
            assert [pytest.approx(point, abs=2) for point in other.points] == list(region.points)
