import platform
import sys
import sysconfig
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

from ocdrnet_deploy import errors
from ocdrnet_deploy.server import install, interpreter

Version = namedtuple("Version", "major minor micro releaselevel serial")


def refuse_distribution(name):
    raise metadata.PackageNotFoundError(name)


@pytest.fixture
def python_3_14(monkeypatch):
    monkeypatch.setattr(install.sys, "version_info", Version(3, 14, 0, "final", 0))


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "aarch64"), ("Windows", "AMD64")])
def test_other_platforms_are_sent_to_the_container(monkeypatch, system, machine):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(errors.UnsupportedPlatformError, match=f"{system} {machine}.*container"):
        interpreter.check_platform()


@pytest.mark.parametrize("version", ["2.0.0", "2.3.1", "3.0.0rc1"])
def test_numpy_2_is_refused(monkeypatch, version):
    monkeypatch.setattr(metadata, "version", lambda name: version)
    with pytest.raises(errors.UnsupportedNumpyError, match=r"empty outputs.*pip install 'numpy<2'"):
        interpreter.check_numpy()


def test_numpy_2_on_a_python_without_numpy_1_gets_other_advice(monkeypatch, python_3_14):
    monkeypatch.setattr(metadata, "version", lambda name: "2.3.1")
    with pytest.raises(errors.UnsupportedNumpyError, match=r"use Python 3\.10 to 3\.12"):
        interpreter.check_numpy()


def test_a_missing_numpy_is_refused(monkeypatch):
    monkeypatch.setattr(metadata, "version", refuse_distribution)
    with pytest.raises(errors.UnsupportedNumpyError, match="not installed"):
        interpreter.check_numpy()


def test_numpy_1_passes(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "1.26.4")
    interpreter.check_numpy()


def test_libpython_is_found_in_the_folder_the_build_names(monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_config_var", {"LIBDIR": str(tmp_path)}.get)
    (tmp_path / f"libpython{install.python_version()}.so.1.0").touch()
    assert interpreter.libpython_folders() == (tmp_path,)


def test_libpython_is_found_in_the_multiarch_folder(monkeypatch, tmp_path):
    variables = {"LIBDIR": str(tmp_path), "MULTIARCH": "x86_64-linux-gnu"}
    monkeypatch.setattr(sysconfig, "get_config_var", variables.get)
    monkeypatch.setattr(sys, "base_prefix", "/nonexistent")
    folder = tmp_path / "x86_64-linux-gnu"
    folder.mkdir()
    (folder / f"libpython{install.python_version()}.so.1.0").touch()
    assert interpreter.libpython_folders() == (folder,)


@pytest.fixture
def no_libpython_folder(monkeypatch):
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: None)
    monkeypatch.setattr(sys, "base_prefix", "/nonexistent")


def test_a_libpython_of_the_system_needs_no_folder(monkeypatch, no_libpython_folder):
    library = f"libpython{install.python_version()}.so.1.0"
    monkeypatch.setattr(interpreter.ctypes.util, "find_library", lambda name: library)
    assert interpreter.libpython_folders() == ()


def test_a_missing_libpython_names_the_package(monkeypatch, no_libpython_folder):
    monkeypatch.setattr(interpreter.ctypes.util, "find_library", lambda name: None)
    with pytest.raises(errors.LibpythonNotFoundError, match=f"package libpython{install.python_version()}"):
        interpreter.libpython_folders()


@pytest.mark.triton
def test_triton_is_found_without_importing_its_package():
    found = install.find_install()
    assert found.binary.is_file()
    assert install.find_stub(found).parent.name == install.python_version()
    assert "pytriton" not in sys.modules


def test_a_missing_triton_names_the_extra(monkeypatch):
    monkeypatch.setattr(metadata, "version", refuse_distribution)
    with pytest.raises(errors.TritonNotInstalledError, match=r"pip install 'ocdrnet\[serve\]'"):
        install.find_install()


def test_an_incomplete_triton_names_the_missing_file(monkeypatch, tmp_path):
    monkeypatch.setattr(install, "_package_folder", lambda: tmp_path / "pytriton")
    with pytest.raises(errors.TritonNotInstalledError, match=r"incomplete: no .*tritonserver"):
        install.find_install()


@pytest.mark.triton
def test_a_python_without_a_stub_is_told_which_have_one(python_3_14):
    with pytest.raises(errors.UnsupportedPythonError, match=r"Python 3\.14, only for 3\.8, 3\.9, 3\.10"):
        install.find_stub(install.TritonInstall("0", install.find_install().root, Path()))
