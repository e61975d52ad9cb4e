import pytest
from loadtest_clock import run_jumping
from loadtest_queue import IMAGES, SingleServer, knee_of_md1

from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.measuring import Bench
from ocdrnet_loadtest.observing import Observer
from ocdrnet_loadtest.run import GENERATOR, SERVER, Staircase
from ocdrnet_loadtest.settings import StaircaseSettings, StepSettings
from ocdrnet_loadtest.step_result import Latency, Lateness, Step
from ocdrnet_loadtest.watch import Limits

SERVICE = 0.05


def climbed(server, limits, start, arrivals="poisson", requests=4000, **settings):
    async def climb():
        made = server()
        bench = Bench(made, IMAGES, StepSettings(arrivals, requests, limits=limits), Observer("ocdrnet"))
        staircase = Staircase(StaircaseSettings(**settings), start)

        async def measure(rate):
            return await bench.step(rate, is_judged=True)

        await staircase.climb(measure)
        return staircase

    return run_jumping(climb())


@pytest.mark.full
@pytest.mark.parametrize("limit", [0.15, 0.4])
def test_the_knee_of_a_queue_is_where_queueing_theory_has_it(limit):
    limits = Limits(limit)
    knee = climbed(lambda: SingleServer(SERVICE), limits, 8, requests=12_000, precision=0.03).knee(limits)
    assert knee.rate == pytest.approx(knee_of_md1(SERVICE, limit), rel=0.07)
    assert knee.rate < knee.failed_rate <= knee.rate * 1.03
    assert knee.limited_by == SERVER


@pytest.mark.full
def test_without_chance_the_knee_is_one_over_the_service_time():
    limits = Limits(0.2)
    staircase = climbed(lambda: SingleServer(SERVICE), limits, 5, "constant", precision=0.02)
    knee = staircase.knee(limits)
    assert 20 / 1.02 <= knee.rate <= 20 * 1.001
    assert knee.images_per_s == pytest.approx(knee.rate, rel=0.01)
    assert knee.crops_per_s == pytest.approx(2 * knee.rate, rel=0.01)


def test_rates_grow_until_one_fails_and_then_close_in():
    limits = Limits(0.2)
    steps = climbed(lambda: SingleServer(SERVICE), limits, 5, "constant", growth=2, precision=0.1).steps
    rates = [step.offered_rate for step in steps]
    assert rates[:4] == [5, 10, 20, 40]
    assert rates[4] == pytest.approx((20 * 40) ** 0.5)
    assert all(20 < rate < 40 for rate in rates[4:])


@pytest.mark.full
def test_a_first_rate_over_the_knee_goes_down():
    limits = Limits(0.2)
    knee = climbed(lambda: SingleServer(SERVICE), limits, 90, "constant").knee(limits)
    assert 20 / 1.05 <= knee.rate <= 20 * 1.001


def test_an_overloaded_step_is_cut_short():
    limits = Limits(0.2)
    steps = climbed(lambda: SingleServer(SERVICE), limits, 100, "constant", most_steps=1).steps
    assert steps[0].is_cut_short
    assert not steps[0].passed
    assert steps[0].sent < 1000


@pytest.mark.full
def test_errors_break_a_rate_that_is_fast_enough():
    def failing():
        server = SingleServer(SERVICE)
        server.fails = lambda number: number % 500 == 0  # 0.2 %
        return server

    assert climbed(failing, Limits(0.2, 0.001), 5, "constant", most_steps=3).passed is None
    assert climbed(failing, Limits(0.2, 0.003), 5, "constant", most_steps=1).passed is not None


def test_a_server_that_is_never_quick_enough_has_no_knee():
    limits = Limits(0.04)
    staircase = climbed(lambda: SingleServer(SERVICE), limits, 5, requests=200, most_steps=6)
    knee = staircase.knee(limits)
    assert (knee.rate, len(staircase.steps)) == (None, 6)
    assert knee.failed_rate == pytest.approx(5 / 1.5**5)
    assert "no rate met the limits" in knee.note


def test_a_server_that_is_never_broken_says_so():
    limits = Limits(0.2)
    knee = climbed(lambda: SingleServer(1e-6), limits, 5, requests=100, most_steps=4).knee(limits)
    assert knee.rate == pytest.approx(5 * 1.5**3)
    assert knee.failed_rate is None
    assert "every rate" in knee.note


def step_at(rate, *, passed, is_bottleneck=False):
    latency = Latency(*[0.1] * 6, 0.09, 0.11)
    lateness = Lateness(0.5, 0.1, 0.1, 0.5, is_bottleneck)
    return Step(rate, None, 0, 10, 100, 100, {"OK": 100}, rate, rate, rate, latency, lateness, passed=passed)


def test_a_failure_of_the_generator_ends_the_search_and_is_not_the_servers():
    async def measure(rate):
        return step_at(rate, passed=rate < 8, is_bottleneck=rate > 8)

    staircase = Staircase(StaircaseSettings(), 5)
    run_jumping(staircase.climb(measure))
    knee = staircase.knee(Limits())
    assert [step.offered_rate for step in staircase.steps] == [5, 7.5, 11.25]
    assert (knee.rate, knee.limited_by) == (7.5, GENERATOR)
    assert "generator was the bottleneck" in knee.note


def test_a_wide_interval_around_the_p99_is_said():
    async def measure(rate):
        return step_at(rate, passed=rate < 8)

    staircase = Staircase(StaircaseSettings(), 5)
    run_jumping(staircase.climb(measure))
    assert "reaches over the limit" in staircase.knee(Limits(0.105)).note
    assert "reaches over the limit" not in staircase.knee(Limits(0.2)).note


@pytest.mark.parametrize("wrong", [{"growth": 1.0}, {"precision": 0.0}, {"precision": 1.0}])
def test_settings_that_would_never_end_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        StaircaseSettings(**wrong)
