"""A step that stands still or dies: nobody gets what belongs to another, and the server comes back.

A small model stands for a step; it answers as every step does, by `answer_each`.
"""

import os
import signal
import threading
import time

import numpy as np
import pytest
from ensemble_calls import GrpcCall, RefusedError

from benchmarks.stalls import small_repository
from ocdrnet_deploy.errors import StepLostError
from ocdrnet_deploy.server import TritonServer
from ocdrnet_deploy.server.keeping import keep_up

pytestmark = pytest.mark.triton
STALL_S = 1.4  # Triton gives a step up after 1 s


class Step:
    """A running server whose one step can be asked and disturbed."""

    def __init__(self, server, log):
        self.server, self.log = server, log
        self.call = GrpcCall(server.addresses)

    @property
    def pid(self):
        return self.server._watch.stubs[0].pid

    def ask(self, value, sleep_ms=0, *, computes=False):
        """What came back: the value, or "error"."""
        tensor = self.call.input_class("IN", [3], "INT32")
        tensor.set_data_from_numpy(np.array([value, sleep_ms, computes], np.int32))
        try:
            return int(self.call.infer([tensor]).as_numpy("OUT")[0])
        except RefusedError:
            return "error"

    def stand_still(self, after_s):
        """Stop the step's process for 1.4 s, so long after a request was sent; returns what its caller got."""
        answers = []
        caller = threading.Thread(target=lambda: answers.append(self.ask(1, sleep_ms=300)))
        if after_s < 0:
            self.signal(signal.SIGSTOP)
        caller.start()
        if after_s >= 0:
            time.sleep(after_s)
            self.signal(signal.SIGSTOP)
        time.sleep(STALL_S)
        self.signal(signal.SIGCONT)
        caller.join(timeout=30)
        return answers[0]

    def signal(self, number):
        if self.server._watch.stubs[0].lives():
            os.kill(self.pid, number)


@pytest.fixture
def step(tmp_path):
    log = []
    with TritonServer(small_repository(tmp_path), on_log=log.append) as server:
        made = Step(server, log)
        assert made.ask(7) == 7
        yield made
        made.call.close()


def ended(step, limit_s=5):
    assert step.server.wait_end(limit_s), "the loss was not noticed"
    with pytest.raises(StepLostError) as caught:
        step.server.check_running()
    return str(caught.value)


@pytest.mark.parametrize(
    "after_s",
    [pytest.param(-1, marks=pytest.mark.full), 0.1, pytest.param(0.25, marks=pytest.mark.full)],
    ids=["before the request", "in it", "at its end"],
)
def test_a_step_that_stood_still_ends_itself_before_it_answers(step, after_s):
    step.server._watch.stop()  # as in a pod, where nobody watches from outside
    assert step.stand_still(after_s) == "error"
    assert [step.ask(2), step.ask(3)] == ["error", "error"], "the answer of another request"
    if after_s > 0:  # else Triton 2.51 has aborted: its own request found the process standing still
        assert any("ends itself: it stood still for" in line for line in step.log)


@pytest.mark.full
def test_a_step_that_stands_still_is_ended_from_outside_before_triton_gives_it_up(step):
    begin = time.monotonic()
    assert step.stand_still(after_s=0.1) == "error"
    assert "ocdrnet (process" in ended(step)
    assert step.ask(2) == "error"
    assert not any("ends itself" in line for line in step.log)
    assert time.monotonic() - begin < 10


@pytest.mark.full
def test_a_step_that_stood_still_without_a_request_goes_on(step):
    """As on a laptop that slept."""
    step.server._watch.stop()
    step.signal(signal.SIGSTOP)
    time.sleep(STALL_S)
    step.signal(signal.SIGCONT)
    time.sleep(3)  # what came meanwhile would have been picked up
    assert step.ask(8) == 8


def test_a_step_that_dies_ends_the_server(step):
    os.kill(step.pid, signal.SIGKILL)
    assert "has died" in ended(step)


@pytest.mark.full
def test_a_long_computation_is_no_standing_still(step):
    """It holds Python's lock for longer than Triton's limit; the stub's own thread goes on."""
    assert step.ask(4, computes=True) == 4
    assert step.ask(5, sleep_ms=1500) == 5


def test_a_server_that_lost_a_step_comes_back_at_the_same_address(step):
    class Enough(Exception):
        pass

    lost, ready = [], []

    def check():
        if ready:
            raise Enough

    before = step.server.addresses
    os.kill(step.pid, signal.SIGKILL)
    with pytest.raises(Enough):
        keep_up(step.server, restarts=1, check=check, on_restart=lost.append, on_ready=ready.append)
    assert len(lost) == 1
    assert step.server.addresses == before
    assert step.ask(6) == 6


@pytest.mark.full
def test_a_server_that_dies_before_it_is_ready_again_is_started_once_more(step, monkeypatch):
    class Enough(Exception):
        pass

    def die(url, timeout_s):
        if len(lost) == 1:
            step.signal(signal.SIGKILL)
            assert step.server.wait_end(10), "nobody watched while the first image was read"

    def check():
        if ready:
            raise Enough

    monkeypatch.setattr("ocdrnet_deploy.server.triton.send_warm_up_request", die)
    lost, ready = [], []
    os.kill(step.pid, signal.SIGKILL)
    with pytest.raises(Enough):
        keep_up(step.server, restarts=2, check=check, on_restart=lost.append, on_ready=ready.append)
    assert [type(error) for error in lost] == [StepLostError, StepLostError]
    assert step.ask(8) == 8


@pytest.mark.full
def test_a_server_that_dies_again_and_again_is_given_up(step):
    lost = []
    with pytest.raises(StepLostError):
        keep_up(
            step.server,
            restarts=2,
            check=lambda: step.signal(signal.SIGKILL),
            on_restart=lost.append,
            on_ready=lambda waited_s: None,
        )
    assert len(lost) == 2
