from pathlib import Path

import pytest

from ocdrnet_client.commands.picture_files import find_pictures, picture_names

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
    pictures, empty = find_pictures(arguments)
    assert empty == []
    return [path.as_posix() for path in pictures]


def test_a_folder_is_its_pictures_at_any_depth():
    assert found(".") == ["[1].jpg", "a.jpg", "b.PNG", "folder.jpg/f.gif", "sub/c.tiff", "sub/deep/d.webp"]


def test_a_file_is_taken_whatever_its_name():
    assert found("notes.txt", ".hidden.jpg", "missing.jpg") == ["notes.txt", ".hidden.jpg", "missing.jpg"]


def test_a_folder_named_like_a_picture_is_a_folder():
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
    pictures, empty = find_pictures(["*.bmp", "a.jpg", "empty"])
    assert ([path.name for path in pictures], empty) == (["a.jpg"], ["*.bmp", "empty"])


def test_only_shared_names_get_their_folder():
    paths = [Path("x/a.jpg"), Path("y/a.jpg"), Path("y/b.jpg"), Path.cwd() / "a.jpg"]
    assert picture_names(paths) == ["x/a.jpg", "y/a.jpg", "b.jpg", "a.jpg"]


def test_overlays_of_an_earlier_run_are_not_read_again():
    for name in ("run/a.jpg", "run/a.overlay.jpg", "run/a.overlay-notes.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert found("run") == ["run/a.jpg", "run/a.overlay-notes.png"]
    assert found("run/a.overlay.jpg") == ["run/a.overlay.jpg"]
