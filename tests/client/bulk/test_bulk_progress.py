"""The line of progress of `ocdrnet bulk`, on a terminal and elsewhere."""

import sys

import pytest

from ocdrnet_bulk import reading as module
from ocdrnet_bulk.journal import Record
from ocdrnet_bulk.reading import Progress

READ, FAILED = Record("a", {}), Record("b", error="E", reason="r")


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_rate_and_time_left_are_of_this_run_alone(clock):
    progress = Progress(100)
    progress.known(39, 1)
    assert progress.line() == "40/100 images, 1 failed, 0.0/s, ? left"
    for _ in range(9):
        progress.advance(READ)
    progress.advance(FAILED)
    clock[0] += 5
    assert progress.line() == "50/100 images, 2 failed, 2.0/s, 0:00:25 left"
    assert progress.summary("out") == "48 images read, 2 failed (see out/failures); 10 of them now, in 5.0 s (2.0/s)"


@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_terminal_has_one_line_that_changes_others_a_line_now_and_then(clock, on_terminal, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_terminal)
    progress = Progress(1000)
    for _ in range(310):
        clock[0] += 0.125
        progress.advance(READ)
    progress.clear()
    printed = capsys.readouterr().err
    if on_terminal:
        assert "\n" not in printed
        assert printed.startswith("\r\x1b[K2/1000")
        assert printed.endswith("left\r\x1b[K")
        assert printed.count("\r\x1b[K") == 155 + 1
    else:
        assert "\r" not in printed
        assert printed.count("\n") == 1
