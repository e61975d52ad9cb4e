import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from ocdrnet_deploy.errors import BackendCacheError
from ocdrnet_deploy.server import launch
from ocdrnet_deploy.server.install import find_install, python_version

FILES = {"libtriton_python.so", "triton_python_backend_utils.py", "triton_python_backend_stub"}

pytestmark = pytest.mark.triton


def names(folder):
    return {path.name for path in (folder / "python").iterdir()}


def test_the_folder_holds_what_triton_wants(tmp_path):
    install = find_install()
    folder = launch.lay_out_backends(install, tmp_path)
    assert names(folder) == FILES
    assert os.access(folder / "python" / "triton_python_backend_stub", os.X_OK)
    assert folder.name == f"pytriton-{install.version}-python{python_version()}"


def test_a_second_start_uses_the_first_ones_folder(tmp_path):
    first = launch.lay_out_backends(find_install(), tmp_path).stat().st_ino
    assert launch.lay_out_backends(find_install(), tmp_path).stat().st_ino == first


def test_a_broken_folder_is_made_anew(tmp_path):
    folder = launch.lay_out_backends(find_install(), tmp_path)
    (folder / "python" / "libtriton_python.so").unlink()
    assert names(launch.lay_out_backends(find_install(), tmp_path)) == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_many_starters_agree_on_one_folder(tmp_path):
    install = find_install()
    with ThreadPoolExecutor(8) as pool:
        folders = set(pool.map(lambda _: launch.lay_out_backends(install, tmp_path), range(8)))
    assert len(folders) == 1
    folder = folders.pop()
    assert names(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_who_comes_second_uses_what_the_first_has_placed(tmp_path, monkeypatch):
    install = find_install()
    copy = launch._copy

    def overtaken(backend, stub, target):
        copy(backend, stub, target)
        monkeypatch.setattr(launch, "_copy", copy)
        launch.lay_out_backends(install, tmp_path)

    monkeypatch.setattr(launch, "_copy", overtaken)
    folder = launch.lay_out_backends(install, tmp_path)
    assert names(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_who_looked_too_early_does_not_move_away_what_another_placed(tmp_path, monkeypatch):
    install = find_install()
    folder = launch.lay_out_backends(install, tmp_path)
    placed, looks = folder.stat().st_ino, iter((False, True))
    monkeypatch.setattr(launch, "_is_complete", lambda folder: next(looks))
    assert launch.lay_out_backends(install, tmp_path).stat().st_ino == placed


def test_a_cache_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BackendCacheError, match="OCDRNET_CACHE"):
        launch.lay_out_backends(find_install(), tmp_path / "file")


def test_a_cache_where_programs_cannot_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(launch.os, "access", lambda path, mode: False)
    with pytest.raises(BackendCacheError, match="cannot be run"):
        launch.lay_out_backends(find_install(), tmp_path)
