"""The committed images, their truth files and the program that draws both."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "samples"
NAMES = ["blank.png", "languages.png", "page.png", "receipt.jpg", "rotated.jpg", "storefront.jpg"]


def truth(name, folder=FOLDER):
    return json.loads((folder / name).with_suffix(".json").read_text(encoding="utf-8"))


def boxes(name, folder=FOLDER):
    lines = truth(name, folder)["lines"]
    quads = [part["box"] for line in lines for part in [line, *line["words"]]]
    return np.array(quads, float).reshape(-1, 4, 2)


def test_every_image_has_a_truth_file_and_the_other_way_round():
    assert sorted(path.name for path in FOLDER.iterdir() if path.suffix in {".png", ".jpg"}) == NAMES
    assert {path.stem for path in FOLDER.glob("*.json")} == {Path(name).stem for name in NAMES}


def test_the_images_stay_small():
    assert sum((FOLDER / name).stat().st_size for name in NAMES) < 900_000


@pytest.mark.parametrize("name", NAMES)
def test_truth_names_its_image_and_size(name):
    with Image.open(FOLDER / name) as image:
        stated = truth(name)
        assert (stated["image"], stated["width"], stated["height"]) == (name, *image.size)
        image.load()


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_its_words(name):
    for line in truth(name)["lines"]:
        assert line["text"].strip()
        assert line["text"] == " ".join(word["text"] for word in line["words"])


@pytest.mark.parametrize("name", NAMES)
def test_boxes_lie_inside_the_image(name):
    stated, quads = truth(name), boxes(name)
    assert (quads >= 0).all()
    assert (quads <= [stated["width"], stated["height"]]).all()


@pytest.mark.parametrize("name", NAMES)
def test_quads_run_clockwise(name):
    x, y = boxes(name)[..., 0], boxes(name)[..., 1]
    # With y pointing down, the shoelace sum of a clockwise quad is positive.
    area = (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1) / 2
    assert (area > 4).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "blank.png"])
def test_boxes_hold_ink(name):
    grey = np.asarray(Image.open(FOLDER / name).convert("L"), float)
    for quad in boxes(name):
        (left, top), (right, bottom) = np.floor(quad.min(axis=0)), np.ceil(quad.max(axis=0))
        assert np.ptp(grey[int(top) : int(bottom), int(left) : int(right)]) > 40


def test_page_has_more_than_250_lines_all_different():
    texts = [line["text"] for line in truth("page.png")["lines"]]
    assert len(texts) > 250
    assert len(set(texts)) == len(texts)


def test_blank_has_no_text():
    assert truth("blank.png")["lines"] == []


def test_rotated_has_text_upright_slanted_and_running_both_ways_up():
    edges = [np.subtract(line["box"][1], line["box"][0]) for line in truth("rotated.jpg")["lines"]]
    angles = {round(float(np.degrees(np.arctan2(y, x)))) for x, y in edges}
    assert {0, 15, -30, 45, 90, -90} <= angles


@pytest.mark.full
def test_redrawing_gives_the_same_truth(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "samples.draw", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "fonts not installed" in run.stderr:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stderr
    for name in NAMES:
        assert [line["text"] for line in truth(name, tmp_path)["lines"]] == [
            line["text"] for line in truth(name)["lines"]
        ]
        # Another FreeType may round a glyph's edge to the neighbouring pixel.
        np.testing.assert_allclose(boxes(name, tmp_path), boxes(name), atol=2.0)


def test_readme_lists_every_image():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []
