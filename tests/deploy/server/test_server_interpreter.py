import platform
import sys
from collections import namedtuple
from importlib import metadata
from pathlib import Path

import pytest

from ocdrnet_deploy import errors
from ocdrnet_deploy.machine import checks
from ocdrnet_deploy.machine.checks import Finding
from ocdrnet_deploy.machine.interpreter import Interpreter
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
        interpreter.check_machine()


def test_too_little_shared_memory_is_refused_with_the_way_out(monkeypatch):
    finding = Finding("shared memory", "no", "/dev/shm has 16 MiB free.", "Give it more.")
    monkeypatch.setattr(checks, "check_shared_memory", lambda: finding)
    with pytest.raises(errors.SharedMemoryError, match=r"16 MiB free\. Give it more\."):
        interpreter.check_machine()


@pytest.mark.parametrize("version", ["2.0.0", "2.3.1", "3.0.0rc1"])
def test_numpy_2_is_refused(monkeypatch, version):
    monkeypatch.setattr(metadata, "version", lambda name: version)
    monkeypatch.setattr(sys, "version_info", Version(3, 11, 0, "final", 0))
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


@pytest.mark.parametrize(("libpython", "folders"), [("/python/lib", (Path("/python/lib"),)), ("", ())])
def test_the_folder_of_libpython_is_searched_unless_the_loader_knows_it(monkeypatch, libpython, folders):
    monkeypatch.setattr(interpreter, "describe", lambda kept: Interpreter("/p", (3, 11), libpython))
    assert interpreter.libpython_folders() == folders


def test_a_python_without_libpython_is_refused(monkeypatch):
    monkeypatch.setattr(interpreter, "describe", lambda kept: Interpreter("/p", (3, 11), None))
    with pytest.raises(errors.LibpythonNotFoundError, match=r"libpython3\.11\.so\.1\.0.*uv python install"):
        interpreter.libpython_folders()


def test_a_python_without_a_stub_is_refused_before_triton_is_looked_for(monkeypatch):
    monkeypatch.setattr(interpreter, "describe", lambda kept: Interpreter("/p", (3, 13), "/lib"))
    with pytest.raises(errors.UnsupportedPythonError, match=r"Python 3\.13 .*3\.10 to 3\.12"):
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
