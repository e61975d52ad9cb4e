from math import comb

import pytest
from loadtest_queue import IMAGES

from ocdrnet_loadtest.latencies import latency_of, lateness_of, p99_interval, quantile, windows_of
from ocdrnet_loadtest.sending.base import Reply
from ocdrnet_loadtest.watch import Shot


def shot(latency, due=0.0, late=0.0, boxes=1):
    return Shot(IMAGES[0], due, due + late, due + latency, Reply("OK" if boxes is not None else "500", boxes))


def test_quantiles_are_nearest_ranks():
    values = list(range(1, 101))
    assert [quantile(values, share) for share in (0, 0.01, 0.5, 0.95, 0.99, 1)] == [1, 1, 50, 95, 99, 100]
    assert quantile([7], 0.99) == 7
    assert quantile([1, 2, 3], 0.5) == 2


def test_latency_is_of_answered_requests_only():
    latency = latency_of([shot(index / 100) for index in range(1, 101)] + [shot(99, boxes=None)])
    assert (latency.p50, latency.p90, latency.p95, latency.p99, latency.max) == (0.5, 0.9, 0.95, 0.99, 1.0)
    assert latency.mean == pytest.approx(0.505)
    assert len(latency.quantiles) == 101
    assert (latency.quantiles[0], latency.quantiles[50], latency.quantiles[100]) == (0.01, 0.5, 1.0)
    assert latency_of([shot(1, boxes=None)]) is None


@pytest.mark.parametrize("count", [500, 1000, 5000])
def test_the_interval_of_the_p99_covers_19_of_20(count):
    low, high = p99_interval(list(range(1, count + 1)))
    high = count if high is None else high
    # The true percentile lies at or over rank `low` and under rank `high` when so many values fall below it.
    covered = sum(comb(count, below) * 0.99**below * 0.01 ** (count - below) for below in range(low, high))
    assert 0.93 < covered < 0.985
    assert low < 0.99 * count < high


def test_too_few_values_do_not_bound_the_p99():
    assert p99_interval(list(range(100)))[1] is None
    assert p99_interval(list(range(500)))[1] is not None


@pytest.mark.parametrize(
    ("late", "share", "cpu", "bottleneck"),
    [
        (0.050, 0.05, 0.1, True),
        (0.050, 0.005, 0.1, False),  # too few
        (0.009, 1.0, 0.1, False),  # too little
        (0.015, 1.0, 0.1, False),  # little beside the latency of 0.2 s
        (0.0, 0.0, 0.95, True),  # its loop was never idle
    ],
)
def test_when_the_generator_is_the_bottleneck(late, share, cpu, bottleneck):
    shots = [shot(0.2, late=late if index < 1000 * share else 0.0) for index in range(1000)]
    lateness = lateness_of(shots, cpu)
    assert lateness.is_bottleneck == bottleneck
    assert lateness.share == (pytest.approx(share) if late > 0.01 else 0)
    assert lateness.max == pytest.approx(late)


def test_windows_cover_the_step():
    windows = windows_of([shot(1.0 if index < 300 else 2.0, due=5 + index / 10) for index in range(600)], 60.0)
    assert len(windows) == 60
    assert [window.requests for window in windows] == [10] * 60
    assert (windows[0].at_s, windows[-1].at_s) == (0.5, 59.5)
    assert (windows[0].p99, windows[-1].p50) == (1.0, 2.0)
    assert windows_of([], 60.0) == ()
