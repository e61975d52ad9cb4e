import os

import pytest

from ocdrnet_deploy.machine.cores import usable_cores, usable_memory


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", 8),
        ("400000 100000\n", 4),
        ("250000 100000\n", 3),
        ("50000 100000\n", 1),
        ("100 100000\n", 1),
        ("6400000 100000\n", 8),
        ("", 8),
        ("400000\n", 8),
        ("4 0\n", 8),
        ("many some\n", 8),
    ],
)
def test_limit_of_version_2(tmp_path, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", 8), ("150000", 2), ("", 8)])
def test_limit_of_version_1(tmp_path, quota, cores):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == cores


def test_without_control_groups(tmp_path):
    assert usable_cores(tmp_path) == 8


def test_here():
    assert 1 <= usable_cores() <= 8


@pytest.mark.parametrize(
    ("file", "text", "memory"),
    [
        ("memory.max", "1073741824\n", 1 << 30),
        ("memory.max", "max\n", 8 << 30),
        ("memory/memory.limit_in_bytes", "2147483648\n", 2 << 30),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", 8 << 30),
        ("memory.max", "", 8 << 30),
    ],
)
def test_memory_is_the_machines_or_the_containers_limit(tmp_path, file, text, memory):
    (tmp_path / "meminfo").write_text("MemTotal:        8388608 kB\nMemFree:          100000 kB\n")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert usable_memory(tmp_path, tmp_path / "meminfo", tmp_path / "no groups") == memory


def test_memory_here():
    assert usable_memory() > 1 << 28
