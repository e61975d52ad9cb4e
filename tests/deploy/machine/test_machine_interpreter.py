import ctypes.util
import sysconfig
from pathlib import Path

import pytest

from ocdrnet_deploy.machine import interpreter
from ocdrnet_deploy.machine.interpreter import Interpreter, describe, dotted, library_name, probe

LIBRARY = library_name(interpreter.sys.version_info[:2])


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """This interpreter as if it came without a shared library."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setattr(interpreter.sys, "base_prefix", str(empty))
    monkeypatch.setattr(sysconfig, "get_config_var", {"LIBDIR": str(empty), "MULTIARCH": "x86_64-linux-gnu"}.get)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    return empty


def test_without_a_library_it_says_none(bare):
    assert describe().libpython is None


def test_the_folder_that_the_build_names_is_searched(bare):
    (bare / LIBRARY).touch()
    assert describe().libpython == str(bare)


def test_the_multiarch_folder_is_searched(bare):
    folder = bare / "x86_64-linux-gnu"
    folder.mkdir()
    (folder / LIBRARY).touch()
    assert describe().libpython == str(folder)


def test_what_the_installer_keeps_is_searched(bare, tmp_path):
    (tmp_path / LIBRARY).touch()
    assert describe(tmp_path).libpython == str(tmp_path)


def test_a_library_that_the_loader_finds_needs_no_folder(bare, monkeypatch):
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: LIBRARY)
    assert describe().libpython == ""


def test_a_library_of_another_version_does_not_count(bare, monkeypatch):
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: "libpython3.9.so.1.0")
    assert describe().libpython is None


def test_another_interpreter_describes_itself(tmp_path):
    here = probe(interpreter.sys.executable)
    assert here.version == interpreter.sys.version_info[:2]
    assert Path(here.path).samefile(interpreter.sys.executable)


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/true", "/bin/false", "/bin/cat"])
def test_what_is_no_python_is_none(program):
    assert probe(program) is None


@pytest.mark.parametrize(
    ("version", "libpython", "word"),
    [
        ((3, 9), "/lib", "3.10 to 3.12"),
        ((3, 13), "/lib", "3.10 to 3.12"),
        ((3, 11), None, "libpython3.11.so.1.0"),
        ((3, 10), "/lib", ""),
        ((3, 12), "", ""),
    ],
)
def test_what_cannot_serve_says_why(version, libpython, word):
    found = Interpreter("/usr/bin/python3", version, libpython)
    assert found.can_serve == (word == "")
    assert word in found.problem
    assert not found.problem or f"Python {dotted(version)} (/usr/bin/python3) cannot serve" in found.problem
