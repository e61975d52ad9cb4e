import stat
from pathlib import Path

import pytest

from ocdrnet_deploy.files import write_file


def test_text_and_bytes_are_written_and_folders_made(tmp_path):
    write_file(tmp_path / "a" / "b" / "text", "漢é\n")
    write_file(tmp_path / "a" / "bytes", b"\0\xff")
    assert (tmp_path / "a" / "b" / "text").read_bytes() == "漢é\n".encode()
    assert (tmp_path / "a" / "bytes").read_bytes() == b"\0\xff"


def test_anyone_may_read_the_file(tmp_path):
    write_file(tmp_path / "file", "x")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_old_content_is_replaced_whole(tmp_path):
    path = tmp_path / "file"
    write_file(path, "a long old text")
    write_file(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_reader_of_the_old_file_keeps_it(tmp_path):
    path = tmp_path / "file"
    write_file(path, "old")
    with path.open() as reader:
        write_file(path, "new")
        assert reader.read() == "old"


@pytest.mark.parametrize("method", ["replace", "chmod"])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, method):
    path = tmp_path / "file"
    write_file(path, "old")

    def fail(self, *_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, method, fail)
    with pytest.raises(KeyboardInterrupt):
        write_file(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_text_that_is_no_utf8_leaves_nothing(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_file(tmp_path / "file", "\ud800")
    assert not list(tmp_path.iterdir())


def test_temporary_name_is_hidden_and_beside_the_file(tmp_path, monkeypatch):
    names = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (names.append(self), replace(self, target))[1])
    write_file(tmp_path / "file", "x")
    assert names[0].parent == tmp_path
    assert names[0].name.startswith(".file.")
