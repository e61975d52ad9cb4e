"""Pictures that lie on their side or stand on their head are read as upright ones; text at any angle is."""

import json
import math
import subprocess
import sys
from collections import Counter

import cv2
import numpy as np
import pytest
from ocdrnet_command import run_ocdrnet
from sample_truth import SAMPLES
from test_eval_floors import EVAL, KINDS
from text_distance import character_error_rate

TURNS = (90, 180, 270)
# Of the word F1, by a turn. Of photos chance alone, another encoding or another margin, moves it by 0.03.
MOST_LOST = {"icdar2015-dev": 0.05, "sroie-dev": 0.02}
LEAST = {"icdar2015-dev": 0.68, "sroie-dev": 0.92}


def turned(pixels, degrees):
    """Turned counterclockwise."""
    return np.ascontiguousarray(np.rot90(pixels, degrees // 90))


def turned_back(box, degrees, size):
    """A box of the turned image in the upright one of `size`."""
    width, height = size
    places = {
        90: lambda x, y: (width - y, x),
        180: lambda x, y: (width - x, height - y),
        270: lambda x, y: (y, height - x),
    }
    return [places[degrees](x, y) for x, y in box]


@pytest.mark.parametrize("name", ["receipt.jpg", "storefront.jpg"])
@pytest.mark.parametrize("degrees", TURNS)
def test_turned_samples_are_read_as_upright_ones(client, read_alone, name, degrees):
    upright = Counter(line.text for line in read_alone[name].lines)
    pixels = turned(cv2.imread(str(SAMPLES / name)), degrees)
    read = Counter(line.text for line in client.read(pixels, channel_order="BGR").lines)
    assert (read & upright).total() >= 0.9 * upright.total(), upright - read


@pytest.mark.parametrize("degrees", TURNS)
def test_lines_of_a_turned_page_come_in_its_reading_order(client, read_alone, degrees):
    pixels = turned(cv2.imread(str(SAMPLES / "receipt.jpg")), degrees)
    text = client.read(pixels, channel_order="BGR").text
    assert character_error_rate(text, read_alone["receipt.jpg"].text) <= 0.03


def test_boxes_of_a_turned_line_start_at_its_text(client):
    pixels = turned(cv2.imread(str(SAMPLES / "receipt.jpg")), 180)
    page = client.read(pixels, channel_order="BGR")
    directions = [line.box[1][0] - line.box[0][0] for line in page.lines]
    assert all(direction < 0 for direction in directions)
    for line in page.lines:
        starts = [word.box[0][0] for word in line.words]
        assert starts == sorted(starts, reverse=True)


def test_off_reads_an_upside_down_page_as_it_lies(client, read_alone):
    """What the option is for: without it hardly a line is read."""
    upright = {line.text for line in read_alone["receipt.jpg"].lines}
    pixels = turned(cv2.imread(str(SAMPLES / "receipt.jpg")), 180)
    read = {line.text for line in client.read(pixels, channel_order="BGR", upside_down="off").lines}
    assert len(read & upright) < 0.2 * len(upright)


def test_on_reads_what_auto_reads(client, read_alone):
    for name in ("receipt.jpg", "storefront.jpg"):
        read = [line.text for line in client.read(SAMPLES / name, upside_down="on").lines]
        assert read == [line.text for line in read_alone[name].lines]


@pytest.mark.parametrize("degrees", range(0, 360, 30))
def test_a_line_at_any_angle_is_read(client, degrees):
    text = "Harbour Street 27"
    canvas = np.full((700, 700, 3), 245, np.uint8)
    cv2.putText(canvas, text, (70, 365), cv2.FONT_HERSHEY_SIMPLEX, 2, (30, 30, 30), 4, cv2.LINE_AA)
    matrix = cv2.getRotationMatrix2D((350, 350), degrees, 1)
    picture = cv2.warpAffine(canvas, matrix, (700, 700), borderValue=(245, 245, 245))
    (line,) = client.read(picture, channel_order="BGR").lines
    (x0, y0), (x1, y1) = line.box[:2]
    angle = -math.degrees(math.atan2(y1 - y0, x1 - x0))
    assert line.text == text
    assert abs((angle - degrees + 180) % 360 - 180) < 3


def read_set(served, name, degrees, folder):
    """Word F1 of a development set turned, by the program beside it."""
    kind = KINDS[name][1]
    images = folder / "images"
    images.mkdir()
    sizes = {}
    for path in sorted((EVAL / name / "images").iterdir()):
        pixels = cv2.imread(str(path))
        sizes[path.name] = pixels.shape[1::-1]
        cv2.imwrite(str(images / path.name), turned(pixels, degrees), [cv2.IMWRITE_JPEG_QUALITY, 97])
    run = run_ocdrnet("read", images, "--format", "json", "--url", served.addresses.grpc_url)
    assert run.returncode == 0, run.stderr
    predictions = folder / "predictions.jsonl"
    with predictions.open("w", encoding="utf-8") as out:
        for page in map(json.loads, run.stdout.splitlines()):
            for part in [part for line in page["lines"] for part in (line, *line["words"])]:
                if degrees:
                    part["box"] = turned_back(part["box"], degrees, sizes[page["image"]])
            out.write(json.dumps(page) + "\n")
    command = [sys.executable, EVAL / "evaluate.py", kind, EVAL / name / "truth", predictions]
    scored = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert scored.returncode == 0, scored.stderr
    return json.loads(scored.stdout)["word_f1"]


@pytest.mark.images
@pytest.mark.parametrize("name", KINDS)
def test_turned_development_images_are_read_as_well(served, tmp_path, name):
    scores = {}
    for degrees in (0, *TURNS):
        folder = tmp_path / str(degrees)
        folder.mkdir()
        scores[degrees] = read_set(served, name, degrees, folder)
    print(name, scores)
    assert min(scores.values()) >= max(LEAST[name], scores[0] - MOST_LOST[name])


@pytest.mark.images
@pytest.mark.parametrize("turn", ["180", "L"])
def test_turned_scans_are_read_almost_without_error(client, turn):
    page = client.read(EVAL / "pages" / f"phototest-rotated-{turn}.png")
    truth = (EVAL / "pages" / "phototest.txt").read_text(encoding="utf-8")
    assert character_error_rate(page.text, truth) <= 0.02
