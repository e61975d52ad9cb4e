import asyncio
from itertools import pairwise
from random import Random

import pytest
from loadtest_clock import run_jumping
from loadtest_queue import IMAGES, SingleServer

from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.measuring import Bench, send_by_schedule
from ocdrnet_loadtest.observing import Observer
from ocdrnet_loadtest.sending.base import Reply
from ocdrnet_loadtest.settings import StepSettings, schedule
from ocdrnet_loadtest.watch import Limits, Watch

LOOSE = Limits(1000)


def shots_of(server, offsets, limits=LOOSE, **watching):
    async def sent():
        images = [IMAGES[0]] * len(offsets)
        return await send_by_schedule(server(), images, offsets, Watch(len(offsets), limits, **watching))

    return run_jumping(sent())


def test_constant_arrivals_have_equal_gaps():
    assert schedule("constant", 4, 5, Random(1)) == [0, 0.25, 0.5, 0.75, 1.0]


def test_poisson_arrivals_keep_the_rate_and_have_exponential_gaps():
    times = schedule("poisson", 50, 5000, Random(1))
    assert len(times) == 5000
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= 100
    gaps = [after - before for before, after in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1 / 50, rel=0.01)
    # Of an exponential distribution: the deviation is the mean, and 1/e of all gaps are longer than it.
    assert (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 == pytest.approx(mean, rel=0.05)
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


def test_arrivals_repeat_with_their_seed_only():
    assert schedule("poisson", 5, 9, Random(7)) == schedule("poisson", 5, 9, Random(7))
    assert schedule("poisson", 5, 9, Random(7)) != schedule("poisson", 5, 9, Random(8))


@pytest.mark.parametrize(("kind", "rate", "said"), [("bursts", 5, "'bursts'"), ("constant", 0, "the rate is 0")])
def test_arrivals_that_cannot_be(kind, rate, said):
    with pytest.raises(SettingError, match=said):
        schedule(kind, rate, 3, Random(1))


def test_a_stall_is_charged_for_every_request_that_it_kept_waiting():
    """A closed loop of one user would have seen one slow answer; here 10 come due each second of the stall."""

    def stalling():
        server = SingleServer(0.01)
        server.stalls = {100: 3.0}
        return server

    shots = shots_of(stalling, [index / 10 for index in range(200)])
    slow = [shot for shot in shots if shot.latency > 0.1]
    assert len(slow) == pytest.approx(33, abs=1)  # 3 s, and while the queue empties
    assert max(shot.latency for shot in shots) == pytest.approx(3.01, abs=0.01)
    assert all(shot.lateness == pytest.approx(0, abs=1e-6) for shot in shots)


def test_requests_leave_whether_or_not_earlier_ones_came_back():
    shots = shots_of(lambda: SingleServer(60), [0.0, 0.1, 0.2])
    assert [round(shot.left - shots[0].left, 6) for shot in shots] == [0, 0.1, 0.2]
    assert [round(shot.latency) for shot in shots] == [60, 120, 180]


class BusyGenerator:
    """Answers at once, but making each request keeps the event loop busy for 40 ms."""

    async def send(self, image):
        asyncio.get_running_loop().work(0.04)
        return Reply("OK", 1)


def test_latency_counts_from_when_a_late_request_was_due():
    shots = shots_of(BusyGenerator, [index * 0.02 for index in range(50)])
    assert shots[-1].lateness == pytest.approx(49 * 0.02, abs=0.05)
    assert all(shot.latency >= shot.lateness for shot in shots)
    assert shots[-1].latency == pytest.approx(shots[-1].lateness + 0.04)


def test_a_busy_generator_calls_itself_the_bottleneck():
    async def step(sender, rate):
        return await Bench(sender, IMAGES, StepSettings("constant", 100), Observer("ocdrnet")).step(rate)

    assert run_jumping(step(BusyGenerator(), 50)).lateness.is_bottleneck
    assert not run_jumping(step(BusyGenerator(), 5)).lateness.is_bottleneck

    async def overloaded():
        return await step(SingleServer(0.1), 50)

    assert not run_jumping(overloaded()).lateness.is_bottleneck


@pytest.mark.parametrize(("may_end_early", "sent"), [(True, 8), (False, 100)])
def test_a_hopeless_step_ends_when_enough_answers_are_overdue_not_when_they_come(may_end_early, sent):
    # Every second one is due; the limit is 2 s; the sixth overdue answer, over 5 % of 100, is known at 7 s.
    shots = shots_of(lambda: SingleServer(60), list(range(100)), Limits(2), may_end_early=may_end_early)
    assert len(shots) == pytest.approx(sent, abs=1)


def test_an_answer_in_time_is_not_slow_and_one_without_a_page_is_a_failure():
    def failing():
        server = SingleServer(0.5)
        server.fails = lambda number: number <= 2
        return server

    async def watched():
        watch = Watch(4, Limits(0.6), may_end_early=True)
        await send_by_schedule(failing(), [IMAGES[0]] * 4, [0, 1, 2, 3], watch)
        return watch

    watch = run_jumping(watched())
    assert (watch.answered, watch.failed, watch.slow) == (2, 2, 0)


def step_of(server, rate, **settings):
    async def measured():
        settings.setdefault("requests", 200)
        bench = Bench(server(), IMAGES, StepSettings("constant", **settings), Observer("ocdrnet"))
        return await bench.step(rate), bench

    return run_jumping(measured())


def test_a_step_counts_what_it_sent_and_what_came_back():
    def failing():
        server = SingleServer(0.02, boxes=3)
        server.fails = lambda number: number % 10 == 0
        return server

    step, _ = step_of(failing, 10)
    assert (step.sent, step.answered, step.settling) == (200, 180, 20)
    assert step.statuses == {"OK": 180, "UNAVAILABLE": 20}
    assert step.error_share == pytest.approx(0.1)
    assert step.seconds == pytest.approx(20)
    assert step.images_per_s == pytest.approx(9, rel=0.02)
    assert step.crops_per_s == pytest.approx(27, rel=0.02)
    assert step.goodput_per_s == pytest.approx(9, rel=0.02)
    assert step.passed is None
    assert sum(window.requests for window in step.windows) == 180


def test_under_overload_throughput_is_the_servers_and_goodput_is_less():
    step, _ = step_of(lambda: SingleServer(0.1), 20, requests=400, limits=Limits(5.0))
    assert step.images_per_s == pytest.approx(10, rel=0.02)
    assert step.goodput_per_s < 5
    assert step.answered == 400


def test_settling_requests_are_not_in_the_latency():
    def slow_at_first():
        server = SingleServer(0.01)
        server.stalls = dict.fromkeys(range(1, 15), 0.08)
        return server

    step, _ = step_of(slow_at_first, 10)
    assert step.latency.max == pytest.approx(0.01, abs=1e-6)


def test_a_step_is_as_long_as_its_requests_or_its_seconds_need():
    assert step_of(lambda: SingleServer(0.01), 10, requests=10, seconds=30)[0].sent == 300
    assert step_of(lambda: SingleServer(0.01), 10, requests=400, seconds=30)[0].sent == 400


def test_the_mix_says_what_was_sent_and_found():
    _, bench = step_of(lambda: SingleServer(0.01, boxes=4), 10, requests=300)
    mix = bench.mix()
    assert [image.name for image in mix] == ["0.jpg", "1.jpg", "2.jpg"]
    assert sum(image.sent for image in mix) == 330
    assert all(80 < image.sent < 140 for image in mix)
    assert {image.boxes for image in mix} == {4}
    assert [image.bytes for image in mix] == [1, 2, 3]
