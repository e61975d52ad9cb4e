import os
from pathlib import Path

import pytest

from ocdrnet_client.image_files import find_images, image_names

TREE = (
    "a.jpg",
    "b.PNG",
    "notes.txt",
    ".hidden.jpg",
    "[1].jpg",
    "sub/c.tiff",
    "sub/deep/d.webp",
    ".cache/e.jpg",
    "folder.jpg/f.gif",
)


@pytest.fixture(autouse=True)
def _tree(tmp_path, monkeypatch):
    for name in TREE:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    monkeypatch.chdir(tmp_path)


def found(*arguments):
    pictures = find_images(arguments)
    assert pictures.empty == []
    return [path.as_posix() for path in pictures.paths]


def test_a_folder_is_its_images_at_any_depth():
    assert found(".") == ["[1].jpg", "a.jpg", "b.PNG", "folder.jpg/f.gif", "sub/c.tiff", "sub/deep/d.webp"]


def test_a_file_is_taken_whatever_its_name():
    assert found("notes.txt", ".hidden.jpg", "missing.jpg") == ["notes.txt", ".hidden.jpg", "missing.jpg"]


def test_a_folder_named_like_an_image_is_a_folder():
    assert found("folder.jpg") == ["folder.jpg/f.gif"]


def test_patterns_are_expanded_to_files():
    assert found("*.jpg") == ["[1].jpg", "a.jpg"]
    assert found("sub/**/*.*") == ["sub/c.tiff", "sub/deep/d.webp"]
    assert found("?.jpg") == ["a.jpg"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself():
    assert found("[1].jpg") == ["[1].jpg"]


def test_each_file_is_taken_once_in_the_order_of_the_arguments():
    here = Path.cwd()
    assert found("b.PNG", "a.jpg", str(here / "a.jpg"), "./b.PNG", "sub/../a.jpg", "*.jpg") == [
        "b.PNG",
        "a.jpg",
        "[1].jpg",
    ]


def test_the_first_spelling_of_a_file_stays():
    assert found("a.jpg", "sub/../a.jpg", str(Path.cwd() / "a.jpg")) == ["a.jpg"]


def test_arguments_that_stand_for_nothing_are_told():
    Path("empty").mkdir()
    pictures = find_images(["*.bmp", "a.jpg", "empty"])
    assert ([path.name for path in pictures.paths], pictures.empty) == (["a.jpg"], ["*.bmp", "empty"])


def test_only_shared_names_get_their_folder():
    paths = [Path("x/a.jpg"), Path("y/a.jpg"), Path("y/b.jpg"), Path.cwd() / "a.jpg"]
    assert image_names(paths) == ["x/a.jpg", "y/a.jpg", "b.jpg", "a.jpg"]


def test_overlays_of_an_earlier_run_are_not_read_again():
    for name in ("run/a.jpg", "run/a.overlay.jpg", "run/a.overlay-notes.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert found("run") == ["run/a.jpg", "run/a.overlay-notes.png"]
    assert found("run/a.overlay.jpg") == ["run/a.overlay.jpg"]


def left_out(*arguments):
    return str(find_images(arguments).left_out)


def test_what_is_left_out_of_a_folder_is_counted_and_told_why():
    for name in ("pdf/one.PDF", "pdf/two.pdf", "pdf/three", "pdf/x.overlay.png", "pdf/y.heic"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    Path("pdf/linked").symlink_to("../sub")
    assert left_out("pdf") == (
        "left out: 3 files of other kinds (.pdf, no suffix), 1 overlays of earlier runs, "
        f"1 links to folders ({Path('pdf/linked')}), which are read if they are named"
    )
    assert left_out(".").startswith(
        "left out: 4 files of other kinds (.pdf, .txt, no suffix), 2 hidden ones, 1 overlays"
    )
    assert left_out("sub", "a.jpg", "notes.txt", "*.txt") == ""
    assert not find_images(["sub"]).left_out
    assert found("pdf/linked") == ["pdf/linked/c.tiff", "pdf/linked/deep/d.webp"]


def test_of_many_kinds_the_most_frequent_are_named():
    for name in ("k/1.a", "k/2.a", "k/3.b", "k/4.b", "k/5.c", "k/6.c", "k/7.d"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert left_out("k") == "left out: 7 files of other kinds (.a, .b, .c, ...)"


def test_images_of_phones_are_images():
    for name in ("p/a.heic", "p/b.HEIF", "p/c.avif", "p/d.hif"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert len(found("p")) == 4


def test_a_folder_that_cannot_be_listed_is_told(monkeypatch):
    real = os.scandir

    def scandir(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    pictures = find_images(["sub"])
    assert [path.as_posix() for path in pictures.paths] == ["sub/c.tiff"]
    assert pictures.unlisted == [(str(Path("sub/deep")), "Permission denied")]


def test_the_standard_input_is_a_dash():
    pictures = find_images(["-", "a.jpg", "-"])
    assert pictures.paths == [Path("-"), Path("a.jpg")]
    assert image_names(pictures.paths) == ["stdin", "a.jpg"]
