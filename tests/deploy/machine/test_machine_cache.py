import os
import stat
import tempfile
from pathlib import Path

import pytest

from ocdrnet_deploy.machine import cache


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    """A home and a folder of temporary files of the test's own."""
    for name in ("OCDRNET_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return home, temporary


def test_the_own_variable_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "own"


def test_then_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "ocdrnet"


@pytest.mark.parametrize("shared", [None, "", "relative"])
def test_then_the_home(monkeypatch, places, shared):
    if shared is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", shared)
    assert cache.cache_folder() == places[0] / ".cache" / "ocdrnet"


def unwritable(monkeypatch, folder):
    """As root every folder can be written, so the answer of access() is made."""
    asked = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder and asked(path, mode))


def test_a_home_that_cannot_be_written_is_replaced_by_a_folder_of_this_user_alone(monkeypatch, places):
    home, temporary = places
    unwritable(monkeypatch, home)
    folder = cache.cache_folder()
    assert folder == temporary / f"ocdrnet-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache.cache_folder() == folder


def test_no_home_at_all_is_replaced_too(monkeypatch, places):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert cache.cache_folder().parent == places[1]


@pytest.mark.parametrize("trap", ["link", "open to all"])
def test_a_folder_that_somebody_else_may_have_made_is_not_trusted(monkeypatch, places, trap, tmp_path):
    home, temporary = places
    unwritable(monkeypatch, home)
    taken = temporary / f"ocdrnet-{os.getuid()}"
    if trap == "link":
        taken.symlink_to(tmp_path)
    else:
        taken.mkdir()
        taken.chmod(0o777)
    folder = cache.cache_folder()
    assert folder != taken
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_home_that_is_a_file_cannot_be_written(places):
    (places[0] / "file").touch()
    assert not cache.can_be_written(places[0] / "file" / "below")
