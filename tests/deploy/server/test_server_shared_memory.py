import os
import subprocess
import sys

from ocdrnet_deploy.server import shared_memory

PRINT_PREFIX = "from ocdrnet_deploy.server.shared_memory import new_prefix; print(new_prefix())"


def make(folder, name):
    path = folder / name
    path.touch()
    return path


def test_each_server_has_its_own_prefix():
    assert shared_memory.new_prefix() != shared_memory.new_prefix()


def test_only_the_files_of_the_prefix_are_removed(tmp_path):
    mine, other = shared_memory.new_prefix(), shared_memory.new_prefix()
    removed = make(tmp_path, f"{mine}region")
    kept = make(tmp_path, f"{other}region")
    assert shared_memory.remove_files(mine, tmp_path) == [removed]
    assert list(tmp_path.iterdir()) == [kept]


def test_the_files_of_a_dead_owner_are_leftovers(tmp_path):
    command = [sys.executable, "-c", PRINT_PREFIX]
    dead = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    leftover = make(tmp_path, f"{dead}region")
    assert shared_memory.remove_leftovers(tmp_path) == [leftover]
    assert not leftover.exists()


def test_the_files_of_the_living_and_of_others_stay(tmp_path):
    _, namespace, pid, start, *_ = shared_memory.new_prefix().split("_")
    names = {
        f"ocdrnet_{namespace}_{pid}_{start}_00000000_region",
        f"ocdrnet_{int(namespace) + 1}_{pid}_1_00000000_another_container",
        "ocdrnet_notes",
        "triton_python_backend_shm_region_1",
    }
    for name in names:
        make(tmp_path, name)
    assert shared_memory.remove_leftovers(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_later_process_with_the_same_number_does_not_count_as_the_owner(tmp_path):
    _, namespace, pid, start, *_ = shared_memory.new_prefix().split("_")
    assert int(pid) == os.getpid()
    leftover = make(tmp_path, f"ocdrnet_{namespace}_{pid}_{int(start) - 1}_00000000_region")
    assert shared_memory.remove_leftovers(tmp_path) == [leftover]
