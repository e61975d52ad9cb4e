import os
import signal
import subprocess
import sys
import threading

import pytest

from ocdrnet_deploy.server import parent_watch
from ocdrnet_deploy.server.process import GroupProcess

SHELL = "/bin/sh"


@pytest.fixture
def run():
    processes = []

    def start(script):
        lines = []
        processes.append(GroupProcess([SHELL, "-c", script], os.environ, lines.append))
        processes[-1].start()
        return processes[-1], lines

    yield start
    for process in processes:
        process.stop(0)


def test_output_is_passed_on_by_line(run):
    process, lines = run("echo one; echo two >&2; exit 3")
    assert process.ended.wait(10)
    assert lines == ["one", "two"]
    assert process.exit_code == 3


def test_bytes_that_are_not_utf8_and_a_broken_callback_do_not_stop_the_reading():
    seen = []

    def broken(line):
        seen.append(line)
        raise BrokenPipeError

    process = GroupProcess([SHELL, "-c", r"printf '\377\n'; echo after"], os.environ, broken)
    process.start()
    assert process.ended.wait(10)
    assert seen == ["�", "after"]


def test_grandchildren_end_with_the_child(run, all_gone):
    process, lines = run("sleep 60 & echo $!; exit 0")
    assert process.ended.wait(10)
    assert process.exit_code == 0
    all_gone([int(lines[0])])


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(run, wait_until):
    process, lines = run("trap '' TERM; echo on; while :; do sleep 0.1; done")
    wait_until(lambda: lines == ["on"])
    process.stop(0.2)
    assert process.exit_code == -signal.SIGKILL


def test_it_outlives_the_thread_that_started_it():
    process = GroupProcess([SHELL, "-c", "exec sleep 60"], os.environ, print)
    starter = threading.Thread(target=process.start)
    starter.start()
    starter.join()
    assert not process.ended.wait(1)
    process.stop(5)
    assert process.exit_code == -signal.SIGTERM


def test_a_program_that_does_not_exist_is_named():
    lines = []
    process = GroupProcess(["/no/such/program"], os.environ, lines.append)
    process.start()
    assert process.ended.wait(10)
    assert process.exit_code == 1
    assert lines == ["error: cannot start /no/such/program: No such file or directory"]


def test_the_parent_watch_refuses_a_parent_that_is_gone():
    command = [sys.executable, "-I", "-S", parent_watch.__file__, "1", "/bin/true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has ended" in done.stderr
