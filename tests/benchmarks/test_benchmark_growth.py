"""What the benchmark of growth draws and looks at."""

import os
import subprocess
import sys

import cv2
import pytest

from benchmarks.growth import draw, image_sizes, process_name, resident


def test_sizes_are_the_same_each_time_and_differ():
    sizes = image_sizes(500)
    assert sizes == image_sizes(500)
    assert len(set(sizes)) > 490
    assert 48 <= min(min(size) for size in sizes) < 60
    assert 1300 < max(max(size) for size in sizes) <= 1600


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/x/triton_python_backend_stub", "/srv/repository/text_crop/1/model.py", "prefix"], "text_crop"),
        (["/opt/tritonserver/bin/tritonserver", "--model-repository=/srv/text_crop"], "tritonserver"),
        ([], "?"),
    ],
)
def test_processes_are_named_by_their_models(command, name):
    assert process_name(command) == name


def test_a_child_s_memory_is_its_own():
    held = "x = bytearray(200 << 20); print(flush=True); input()"
    command = [sys.executable, "-c", held, "/text_turn/1/model.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        found = resident(os.getpid())
        child.communicate(b"\n")
    assert 200 < found["text_turn"] < 400


def test_the_page_of_plots_is_an_image(tmp_path):
    memory = [(0, {"ocdnet": 100.0, "ocrnet": 50.0}), (500, {"ocdnet": 120.0, "ocrnet": 50.0})]
    draw(tmp_path / "growth.png", memory, {"lines": [(0, 10.0), (10, 20.0)], "megapixels": [(1, 5.0)]})
    assert cv2.imread(str(tmp_path / "growth.png")).shape == (800, 1100, 3)
