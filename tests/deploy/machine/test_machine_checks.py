import os
import platform
import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from ocdrnet_deploy.machine import checks
from ocdrnet_deploy.machine.interpreter import Interpreter

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("glibc", "state", "word"),
    [
        ("glibc 2.36", "ok", "2.36"),
        ("glibc 2.35", "ok", "2.35"),
        ("glibc 2.34", "no", "2.35 or later"),
        (None, "no", "musl"),
    ],
)
def test_the_c_library_is_looked_at(monkeypatch, glibc, state, word):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(os, "confstr", lambda name: glibc)
    found = checks.check_platform()
    assert found.state == state
    assert word in found.text
    assert (found.state == "ok") == (found.advice == "")


@pytest.mark.parametrize("name", ["a:b", "a\nb"])
def test_a_checkout_where_no_virtual_environment_can_stand_is_refused(tmp_path, name):
    assert checks.check_path(tmp_path / name).state == "no"


@pytest.mark.parametrize("name", ["with space", "quote's", "Ünicode", 'double"quote'])
def test_odd_paths_are_fine(tmp_path, name):
    assert checks.check_path(tmp_path / name).state == "ok"


def test_folders_of_one_disk_are_added_up(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 1000 * 2**20))
    assert checks.check_disk({tmp_path / "a": 600, tmp_path / "b": 400}).state == "ok"
    found = checks.check_disk({tmp_path / "a": 600, tmp_path / "b": 401})
    assert found.state == "no"
    assert "1,000 MiB free" in found.text
    assert "1,001 MiB are needed" in found.text


@pytest.mark.parametrize(("free_mib", "state"), [(63, "no"), (64, "note"), (255, "note"), (256, "ok")])
def test_shared_memory_has_a_least_and_a_good_size(monkeypatch, tmp_path, free_mib, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free_mib * 2**20))
    found = checks.check_shared_memory(tmp_path)
    assert found.state == state
    assert ("remount,size=1G" in found.advice) == (state != "ok")


def test_no_shared_memory_is_refused(tmp_path):
    found = checks.check_shared_memory(tmp_path / "missing")
    assert found.state == "no"
    assert "mount -t tmpfs" in found.advice


def test_a_port_in_use_is_named(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(checks, "_DEFAULT_PORTS", (port,))
        found = checks.check_ports()
        assert found.state == "note"
        assert str(port) in found.text
    assert checks.check_ports().state == "ok"


def test_a_cache_that_cannot_be_written_is_refused(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "file" / "below"))
    found = checks.check_cache()
    assert found.state == "no"
    assert "OCDRNET_CACHE" in found.advice


def test_a_cache_that_cannot_run_programs_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.X_OK)
    assert "cannot be run" in checks.check_cache().text


def test_a_cache_among_the_temporary_files_is_noted(monkeypatch):
    folder = Path(f"/tmp/ocdrnet-{os.getuid()}")
    monkeypatch.delenv("OCDRNET_CACHE", raising=False)
    monkeypatch.setattr(checks, "cache_folder", lambda: folder)
    made = not folder.exists()
    try:
        assert checks.check_cache().state == "note"
    finally:
        if made:
            folder.rmdir()


MANAGERS = [
    ("apt-get", "sudo apt-get install -y libpython3.11"),
    ("dnf", "sudo dnf install -y python3.11-libs"),
    ("zypper", "sudo zypper install -y libpython3_11-1_0"),
    ("pacman", "sudo pacman -S --noconfirm python"),
]


@pytest.mark.parametrize(("program", "command"), MANAGERS)
def test_the_machines_own_package_manager_is_named(monkeypatch, program, command):
    monkeypatch.setattr(checks.shutil, "which", lambda name: f"/usr/bin/{name}" if name == program else None)
    found = checks.check_interpreter(Interpreter("/usr/bin/python3", (3, 11), None))
    assert found.state == "no"
    assert f"Run: {command};" in found.advice


def test_without_a_known_package_manager_there_is_still_advice(monkeypatch):
    monkeypatch.setattr(checks.shutil, "which", lambda name: None)
    found = checks.check_interpreter(Interpreter("/usr/bin/python3", (3, 11), None))
    assert found.advice.startswith("Use a Python that has it")


def test_the_report_has_advice_below_its_finding():
    findings = [checks.Finding("one", "ok", "fine"), checks.Finding("two", "no", "not fine", "do this")]
    assert checks.report(findings).splitlines() == [
        "ok    one            fine",
        "no    two            not fine",
        "                     do this",
    ]
