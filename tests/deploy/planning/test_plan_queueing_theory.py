"""The simulation against closed formulas of queueing theory."""

import math

import numpy as np
import pytest

from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.pipeline import UNLIMITED, Pipeline, Station, Task, Visit
from ocdrnet_deploy.planning.queueing import simulate

LOAD = Load(requests=2_000, settling=100, seed=3)


def exponential(kinds=2000):
    """Service times whose equally likely values follow an exponential distribution of mean 1."""
    times = -np.log1p(-(np.arange(kinds) + 0.5) / kinds)
    return times / times.mean()


def one_station(times, *, shared=None, **settings):
    capacities = () if shared is None else (shared,)
    work = 0.0 if shared is None else 1.0
    station = Station("s", resource=-1 if shared is None else 0, **settings)
    tasks = tuple(Task(1, float(own), work * float(own)) for own in times)
    return Pipeline((station,), (Visit(0, tasks),), capacities)


def poisson_run(pipeline, rate):
    """True Poisson arrivals over a long time: the formulas know no fixed number of requests."""
    random = np.random.default_rng(5)
    arrivals = np.cumsum(random.exponential(1 / rate, 60_000))
    return simulate(pipeline, arrivals, random.integers(pipeline.kinds, size=60_000).tolist(), 2_000)


def erlang_wait(rate, servers):
    """Mean wait of M/M/c with service times of mean 1, by Erlang's C formula."""
    idle = sum(rate**k / math.factorial(k) for k in range(servers))
    last = rate**servers / math.factorial(servers) * servers / (servers - rate)
    return last / (idle + last) / (servers - rate)


def deterministic_wait(rate, servers):
    """Mean wait of M/D/c with service time 1: the chain of Crommelin (1932), solved numerically."""
    size = 400
    arrivals = np.exp(-rate + np.arange(size) * np.log(rate) - [math.lgamma(k + 1) for k in range(size)])
    state = np.full(size, 1 / size)
    for _ in range(3000):
        left = np.concatenate([[state[: servers + 1].sum()], state[servers + 1 :]])
        state = np.convolve(left, arrivals)[:size]
    waiting = np.maximum(np.arange(size) - servers, 0)
    return float(waiting @ state) / rate


@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_mm1(rate):
    found = poisson_run(one_station(exponential()), rate)
    assert found.latencies.mean() == pytest.approx(1 / (1 - rate), rel=0.06)
    # Sojourn times of M/M/1 are exponential.
    assert found.quantile(0.95) == pytest.approx(-math.log(0.05) / (1 - rate), rel=0.08)
    assert found.stations[0].busy_share == pytest.approx(rate, rel=0.03)


@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_md1(rate):
    found = poisson_run(one_station([1.0]), rate)
    # Pollaczek and Khinchine.
    assert found.latencies.mean() == pytest.approx(1 + rate / (2 * (1 - rate)), rel=0.03)


@pytest.mark.parametrize(("rate", "servers"), [(1.4, 2), (3.2, 4)])
def test_mmc(rate, servers):
    found = poisson_run(one_station(exponential(), instances=servers), rate)
    assert found.latencies.mean() == pytest.approx(1 + erlang_wait(rate, servers), rel=0.05)


@pytest.mark.full
@pytest.mark.parametrize(("rate", "servers"), [(1.4, 2), (3.2, 4)])
def test_mdc(rate, servers):
    found = poisson_run(one_station([1.0], instances=servers), rate)
    assert found.latencies.mean() == pytest.approx(1 + deterministic_wait(rate, servers), rel=0.03)


@pytest.mark.parametrize("times", [[1.0], exponential()], ids=["constant", "exponential"])
def test_processor_sharing_knows_only_the_mean(times):
    """M/G/1 with processor sharing: 1 / (1 - rho), whatever the distribution (Kleinrock 1976, chapter 4.4)."""
    found = poisson_run(one_station(times, shared=1.0, instances=UNLIMITED), 0.7)
    assert found.latencies.mean() == pytest.approx(1 / 0.3, rel=0.06)
    assert found.resources[0] == pytest.approx(0.7, rel=0.03)


@pytest.mark.parametrize("times", [[1.0], exponential()], ids=["constant", "exponential"])
def test_two_shared_cores_are_two_servers_in_the_mean(times):
    """Jobs of one core each on two cores share like M/M/2, and only the mean counts."""
    found = poisson_run(one_station(times, shared=2.0, instances=UNLIMITED), 1.4)
    assert found.latencies.mean() == pytest.approx(1 + erlang_wait(1.4, 2), rel=0.06)


def test_two_stations_in_a_row():
    """By Burke's theorem the second of two exponential stations is M/M/1, too."""
    # Kinds in another order at the second, so that the two times of a request have nothing to do with each other.
    first, second = exponential(), np.random.default_rng(0).permutation(exponential())
    visits = tuple(
        Visit(at, tuple(Task(1, t, 0.0) for t in times.tolist())) for at, times in enumerate((first, second))
    )
    found = poisson_run(Pipeline((Station("a"), Station("b")), visits), 0.6)
    assert found.latencies.mean() == pytest.approx(2 / 0.4, rel=0.06)


def test_a_load_has_its_rate_and_its_seed():
    pipeline = one_station([0.0])
    twice = [LOAD.run(pipeline, 5.0)[0].latencies for _ in range(2)]
    assert (twice[0] == twice[1]).all()
    assert len(twice[0]) == LOAD.requests


def test_equal_gaps_leave_no_queue():
    load = Load(requests=1000, settling=100, is_poisson=False)
    assert load.quantile(one_station([1.0]), 0.99, 1.0) == pytest.approx(1.0)
    assert Load(requests=1000, settling=100).quantile(one_station([1.0]), 0.99, 1.0) > 3


def test_runs_differ_and_their_median_counts():
    load = Load(requests=200, settling=20, repeats=3, seed=9)
    pipeline = one_station(exponential(100))
    runs = [found.quantile(0.99) for found in load.run(pipeline, 0.8)]
    assert len(set(runs)) == 3
    assert load.quantile(pipeline, 0.8, 0.99) == sorted(runs)[1]
