"""A rebuild replaces a repository as one; a failed one leaves the old one whole."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.repository import replace
from ocdrnet_deploy.repository.replace import replace_repository

OLD = {name: {"config.pbtxt": f"old {name}", "1/model.py": b"old"} for name in ("ocdnet", "ocrnet", "ocrnet_plan")}
NEW = {name: {"config.pbtxt": f"new {name}", "1/card.json": "{}"} for name in ("ocdnet", "ocrnet", "text_crop")}
ENSEMBLE = {"old": {"ocdrnet": {"config.pbtxt": "old ocdrnet"}}, "new": {"ocdrnet": {"config.pbtxt": "new ocdrnet"}}}
OLD |= ENSEMBLE["old"]
NEW |= ENSEMBLE["new"]
MOVES = 8  # the ensemble's config away, four old models away or new ones in, and it back


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def expected(models):
    return {
        f"{name}/{file}": content if isinstance(content, str) else content.decode()
        for name, files in models.items()
        for file, content in files.items()
    }


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    replace_repository(folder, OLD)
    (folder / "of-the-user" / "1").mkdir(parents=True)
    (folder / "of-the-user" / "config.pbtxt").write_text("mine")
    return folder


def test_first_build(tmp_path):
    replace_repository(tmp_path / "a" / "served", OLD)
    assert contents(tmp_path / "a" / "served") == expected(OLD)
    assert (tmp_path / "a" / "served" / "ocdrnet" / "1").is_dir()


def test_nothing_of_the_old_models_is_left_and_the_users_stays(served):
    replace_repository(served, NEW)
    assert contents(served) == expected(NEW) | {"of-the-user/config.pbtxt": "mine"}
    assert not list(served.rglob(".*"))


def test_file_is_copied(served, tmp_path):
    (tmp_path / "plan").write_bytes(b"a plan")
    replace_repository(served, NEW | {"ocdnet": {"config.pbtxt": "", "1/model.plan": tmp_path / "plan"}})
    assert (served / "ocdnet" / "1" / "model.plan").read_bytes() == b"a plan"


@pytest.mark.parametrize("number", range(MOVES))
def test_failure_at_any_move_leaves_the_old_repository(served, monkeypatch, number):
    before, rename, moved = contents(served), Path.rename, []

    def fail_once(self, target):
        moved.append(self)
        if len(moved) == number + 1:
            raise OSError(errno.EIO, "Input/output error", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(BuildError, match="Input/output error"):
        replace_repository(served, NEW)
    assert contents(served) == before
    assert not list(served.rglob(".*"))


def test_there_are_as_many_moves_as_are_tried(served, monkeypatch):
    moved, rename = [], Path.rename
    monkeypatch.setattr(Path, "rename", lambda self, target: (moved.append(self), rename(self, target)))
    replace_repository(served, NEW)
    assert len(moved) == MOVES


def test_full_disk_says_what_to_do_and_leaves_the_old_repository(served, monkeypatch):
    before = contents(served)

    def fail(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(replace, "write_file", fail)
    with pytest.raises(BuildError) as error:
        replace_repository(served, NEW)
    assert f"{served} was not assembled: {served}/ocdrnet/.new-" in str(error.value)
    assert (
        "No space left on device. What was there before is as it was. Make room there, or choose another folder with "
        "--output"
    ) in str(error.value)
    assert contents(served) == before


def test_failed_first_build_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(
        replace, "write_file", lambda path, content: (_ for _ in ()).throw(OSError(errno.EIO, "broken"))
    )
    with pytest.raises(BuildError, match="broken"):
        replace_repository(tmp_path / "served", NEW)
    assert not list(tmp_path.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from ocdrnet_deploy.repository.replace import replace_repository
rename, moved = Path.rename, []
def move(self, target):
    moved.append(self)
    if len(moved) > int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = move
replace_repository(Path(sys.argv[1]), {name: {"config.pbtxt": "killed"} for name in ("ocdnet", "ocdrnet")})
"""


@pytest.mark.parametrize("moves", [0, 1, 2, 4])
def test_killed_build_leaves_all_or_no_repository_and_the_next_one_cleans_up(served, moves):
    before = contents(served)
    run = subprocess.run([sys.executable, "-c", KILLED, served, str(moves)], check=False)
    assert run.returncode == -signal.SIGKILL
    left = {name: text for name, text in contents(served).items() if "/.new-" not in name}
    assert left == before if moves == 0 else "ocdrnet/config.pbtxt" not in left
    replace_repository(served, NEW)
    assert contents(served) == expected(NEW) | {"of-the-user/config.pbtxt": "mine"}
    assert not list(served.rglob(".*"))
