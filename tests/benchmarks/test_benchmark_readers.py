"""Readers in processes of their own, and in environments of their own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks import separate_peers
from benchmarks.cpu_time import tree_cpu_seconds
from benchmarks.readers import Reader, ReaderError, ReaderProcess, Reading
from benchmarks.separate_peers import (
    CHARACTERS,
    DETECTOR,
    RECOGNIZER,
    ChildReader,
    install,
    reading_of,
    separate_versions,
    write_weights,
)
from ocdrnet_evaluation.datasets import Region


@pytest.fixture
def started():
    readers = []

    def start(make):
        readers.append(ReaderProcess("trial", make))
        return readers[-1]

    yield start
    for reader in readers:
        reader.stop()


BOX = ((0, 0), (9, 0), (9, 9), (0, 9))


def counting():
    def read(image):
        return sum(number * number for number in range(200_000)) and image.decode()

    def reading(text):
        return Reading(tuple(Region(letter, BOX) for letter in text))

    return Reader(read, reading, read_with_words=lambda image: image.decode().upper())


def failing():
    raise ValueError("no such thing")


def test_a_round_of_several_passes_gives_the_figures_of_one(started):
    reader = started(counting)
    once, thrice = reader.read([b"ab", b"c"]), reader.read([b"ab", b"c"], passes=3)
    assert (once.lines, thrice.lines) == (3, 3)
    assert (len(once.latencies), len(thrice.latencies)) == (2, 6)
    assert thrice.seconds * 3 >= sum(thrice.latencies) > thrice.seconds
    assert once.cpu_seconds > 0
    assert thrice.cpu_seconds < 2.5 * once.cpu_seconds  # of one pass, not of three


def test_readings_come_where_they_are_asked_for_and_with_words(started):
    reader = started(counting)
    assert reader.read([b"ab"]).readings == ()
    assert reader.read([b"ab"], with_readings=True).readings == (Reading((Region("A", BOX), Region("B", BOX))),)


def test_a_reader_that_cannot_be_made_says_why(started):
    with pytest.raises(ReaderError, match="ValueError: no such thing"):
        started(failing).read([b"ab"])


def with_files():
    folder = tempfile.TemporaryDirectory(prefix="ocdrnet-trial-")
    return Reader(lambda _: folder.name, lambda name: Reading((Region(name, BOX),)))


def test_a_reader_that_ends_leaves_no_files():
    reader = ReaderProcess("trial", with_files)
    (reading,) = reader.read([b"a"], with_readings=True).readings
    folder = Path(reading.lines[0].text)
    assert folder.is_dir()
    reader.stop()
    assert not folder.exists()


def test_cpu_time_is_that_of_a_process_and_of_children_that_have_ended():
    before = tree_cpu_seconds([os.getpid()])
    subprocess.run([sys.executable, "-c", "sum(i * i for i in range(3_000_000))"], check=True)
    assert tree_cpu_seconds([os.getpid()]) > before + 0.05
    assert tree_cpu_seconds([2**22 + 1]) == 0  # no such process


# A peer whose package is a file that really looks at the image and at the weights.
PEER = r"""
import struct

class OCR:
    def __init__(self, model, models_dir, backend):
        print("what a library prints is no answer")
        self.characters = open(models_dir + "/keys.txt", encoding="utf-8").read().split("\n")

    def read(self, image):
        if image[:4] != b"\x89PNG":
            raise ValueError("no PNG\nof any kind")
        width, height = struct.unpack(">II", image[16:24])
        return [Line(f"{width} x {height}, {self.characters[0]}", ((0, 0), (width, 0), (width, height), (0, height)))]

class Line:
    def __init__(self, text, box):
        self.text, self.box = text, box
"""
START = "import runpy, sys; sys.path.append({!r}); del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture
def peer_python(tmp_path):
    """An interpreter that has the peer's package; isolated, as the reader starts it (`-I`, its first argument)."""
    (tmp_path / "turboocr_engine.py").write_text(PEER, encoding="utf-8")
    python, start = tmp_path / "python", START.format(str(tmp_path))
    python.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -I -c "{start}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return python


def test_a_peer_in_an_environment_of_its_own_answers_by_lines_of_json(peer_python):
    reader = ChildReader("turboocr", peer_python)
    sample = (separate_peers.FOLDER.parents[1] / "samples/page.png").read_bytes()
    for _ in range(2):
        found = reading_of(reader.read(sample))
        box = ((0, 0), (1654, 0), (1654, 2339), (0, 2339))
        assert found == Reading((Region("1654 x 2339, !", box),))
    with pytest.raises(ReaderError, match=r"^ValueError: no PNG$"):
        reader.read(b"text")
    assert reading_of(reader.read(sample)).lines  # one that fails does not end the others


def test_a_child_that_ends_says_its_code(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 7\n")
    python.chmod(0o755)
    with pytest.raises(ReaderError, match="turboocr: its process ended with code 7"):
        ChildReader("turboocr", python).read(b"image")


def test_a_peer_that_is_not_installed_says_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(separate_peers, "FOLDER", tmp_path)
    with pytest.raises(ReaderError, match=r"python -m benchmarks\.separate_peers turboocr"):
        ChildReader("turboocr")


def test_the_weights_are_those_of_the_ensemble_with_a_line_for_each_character(tmp_path):
    write_weights(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {DETECTOR, RECOGNIZER, CHARACTERS}
    characters = (tmp_path / CHARACTERS).read_text(encoding="utf-8").splitlines()
    assert characters[0] == "!"
    assert len(characters) == 18_708  # the network has one more for the blank, and one for the space


def test_a_peer_is_installed_once_and_again_in_another_version(monkeypatch, tmp_path):
    calls = tmp_path / "calls"
    uv = tmp_path / "uv"
    made = f'[ "$1" = pip ] || mkdir -p {tmp_path}/turboocr'
    uv.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{made}\n[ ! -e {tmp_path}/broken ]\n')
    uv.chmod(0o755)
    monkeypatch.setattr(separate_peers, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert install("turboocr", "3.12")
    assert install("turboocr", "3.12")
    assert separate_versions() == {"turboocr-engine-cpu": "4.0.0a8"}
    assert [call.split()[0] for call in calls.read_text().splitlines()] == ["venv", "pip"]
    monkeypatch.setitem(separate_peers.REQUIREMENTS, "turboocr", "turboocr-engine-cpu==9")
    (tmp_path / "broken").touch()
    assert not install("turboocr", "3.12")
    (tmp_path / "broken").unlink()
    assert install("turboocr", "3.12")
    assert calls.read_text().splitlines()[-1].endswith("turboocr-engine-cpu==9")
