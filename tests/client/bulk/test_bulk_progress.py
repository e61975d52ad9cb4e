"""The line of progress of `ocdrnet bulk`, on a terminal and elsewhere."""

import sys
from types import SimpleNamespace

import pytest

from ocdrnet_bulk.journal import Record
from ocdrnet_bulk.progress import Progress

READ, FAILED = Record("a", {}), Record("b", error="E", reason="r")


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    # Of that module alone: others, such as the watch of a server that runs meanwhile, go by the real one.
    monkeypatch.setattr("ocdrnet_bulk.progress.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_rate_and_time_left_are_of_this_run_alone(clock):
    progress = Progress(100)
    progress.known(39, 1, 40)
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


def test_with_documents_pages_are_counted_and_the_time_left_is_that_of_the_files(clock):
    progress = Progress(10)
    progress.known(70, 0, 2)
    clock[0] += 10
    for number in range(1, 6):
        progress.advance(Record("c.pdf", {}, number=number, page_count=10, left=11 - number))
    assert progress.line() == "2/10 files, 75 pages, 0 failed, 0.5/s, 0:02:30 left"
    for number in range(6, 11):
        progress.advance(Record("c.pdf", {}, number=number, page_count=10, left=11 - number))
    progress.advance(Record("c.pdf", error="E", reason="signed", file="files/c.pdf.pdf"))
    assert progress.line() == "3/10 files, 80 pages, 1 failed, 1.0/s, 0:01:10 left"
    assert progress.summary("out").startswith("80 pages of 10 files read, 1 failed (see out/failures); 10 of them now")
