"""Batches, instances and shared cores, on requests whose times can be followed by hand."""

import math

import numpy as np
import pytest

from ocdrnet_deploy.planning.pipeline import UNLIMITED, Pipeline, Station, Task, Visit
from ocdrnet_deploy.planning.queueing import Processor, simulate


def run(station, arrivals, tasks, *, capacities=(), settling=0):
    """Requests to one station, each its own kind."""
    pipeline = Pipeline((station,), (Visit(0, tuple(tasks)),), capacities)
    return simulate(pipeline, np.array(arrivals), range(len(arrivals)), settling)


def ones(count, **changes):
    return [Task(**{"rows": 1, "seconds": 1.0, "work": 0.0, **changes}) for _ in range(count)]


def test_what_waits_goes_together():
    found = run(Station("s", max_rows=8, overhead_s=2.0), [0.0, 0.5, 1.0], ones(3))
    # The first alone takes 3, the other two then 2 + 1 + 1.
    assert found.latencies.tolist() == pytest.approx([3.0, 6.5, 6.0])
    assert found.stations[0].batch_rows == pytest.approx(1.5)
    assert found.stations[0].busy_s == pytest.approx(7 / 3)
    assert found.stations[0].busy_share == pytest.approx(1.0)


def test_a_batch_ends_at_its_limit():
    found = run(Station("s", max_rows=2), [0.0, 0.1, 0.2, 0.3], ones(4))
    assert found.latencies.tolist() == pytest.approx([1.0, 2.9, 2.8, 3.7])


def test_a_request_is_never_split_and_never_overtaken():
    tasks = [Task(1, 1.0, 0.0), Task(3, 3.0, 0.0), Task(3, 3.0, 0.0), Task(1, 1.0, 0.0)]
    found = run(Station("s", max_rows=4), [0.0, 0.1, 0.2, 0.3], tasks)
    # 3 and 3 do not fit; the last goes with the third, not with the second before it.
    assert found.latencies.tolist() == pytest.approx([1.0, 3.9, 7.8, 7.7])


def test_one_larger_than_the_limit_goes_alone():
    found = run(Station("s", max_rows=2), [0.0, 0.0], [Task(5, 5.0, 0.0), Task(1, 1.0, 0.0)])
    assert found.latencies.tolist() == pytest.approx([5.0, 6.0])


def test_without_batching_each_goes_alone():
    found = run(Station("s"), [0.0, 0.0, 0.0], ones(3))
    assert found.latencies.tolist() == pytest.approx([1.0, 2.0, 3.0])


def test_instances_work_side_by_side():
    found = run(Station("s", instances=2), [0.0, 0.0, 0.0], ones(3))
    assert found.latencies.tolist() == pytest.approx([1.0, 1.0, 2.0])
    assert found.stations[0].busy_share == pytest.approx(3 / 4)


def test_a_batch_waits_for_company_no_longer_than_the_delay():
    found = run(Station("s", max_rows=2, queue_delay_s=0.5), [0.0, 0.2, 5.0], ones(3))
    # The second fills the batch at 0.2; nobody joins the third.
    assert found.latencies.tolist() == pytest.approx([2.2, 2.0, 1.5])


def test_the_same_station_twice():
    station = Station("s", overhead_s=1.0)
    pipeline = Pipeline((station,), (Visit(0, (Task(1, 2.0, 0.0),)), Visit(0, (Task(1, 0.0, 0.0),))))
    assert simulate(pipeline, np.array([0.0]), [0]).latencies.tolist() == [4.0]


def test_cores_are_shared_alike():
    """Two jobs of two cores on two cores take twice as long; one of one core loses its third, too."""
    station = Station("s", instances=UNLIMITED, resource=0, parallelism=2.0)
    found = run(station, [0.0, 0.0], ones(2, work=2.0), capacities=(2.0,))
    assert found.latencies.tolist() == pytest.approx([2.0, 2.0])
    assert found.resources == (pytest.approx(1.0),)
    mixed = [Task(1, 1.0, 2.0), Task(1, 1.0, 1.0)]
    assert run(station, [0.0, 0.0], mixed, capacities=(2.0,)).latencies.tolist() == pytest.approx([1.5, 1.5])


def test_cores_that_suffice_slow_nobody_down():
    station = Station("s", instances=UNLIMITED, resource=0)
    found = run(station, [0.0, 0.0], ones(2, work=1.0), capacities=(2.0,))
    assert found.latencies.tolist() == pytest.approx([1.0, 1.0])


def test_a_job_that_comes_later_slows_down_from_then_on():
    station = Station("s", instances=UNLIMITED, resource=0)
    found = run(station, [0.0, 0.5], ones(2, work=1.0), capacities=(1.0,))
    # Half is done at 0.5, the rest at half speed until 1.5; the other then has half left.
    assert found.latencies.tolist() == pytest.approx([1.5, 1.5])


def test_settling_requests_load_but_do_not_count():
    assert run(Station("s"), [0.0, 0.0], ones(2), settling=1).latencies.tolist() == pytest.approx([2.0])


def test_quantiles_by_nearest_rank():
    found = run(Station("s"), [0.0, 0.0, 0.0, 0.0], ones(4))
    assert [found.quantile(share) for share in (0.0, 0.25, 0.5, 0.51, 1.0)] == [1.0, 1.0, 2.0, 3.0, 4.0]


def test_a_job_cannot_use_more_than_its_parallelism():
    station = Station("s", parallelism=2.0, overhead_s=0.5)
    assert station.job([Task(1, 0.5, 1.0)]) == (1.0, 1.0)
    assert station.job([Task(1, 0.5, 4.0)]) == (2.0, 2.0)
    assert Station("s").job([Task(1, 0.0, 0.0)]) == (0.0, 0.0)


def test_loads_of_a_pipeline():
    stations = (Station("a", instances=2, resource=0), Station("b", resource=0, overhead_s=1.0))
    visits = (
        Visit(0, (Task(1, 2.0, 1.0), Task(1, 4.0, 3.0))),
        Visit(1, (Task(1, 1.0, 0.5), Task(1, 1.0, 0.5))),
        Visit(1, (Task(1, 0.0, 0.0), Task(1, 0.0, 0.0))),
    )
    pipeline = Pipeline(stations, visits, (5.0,))
    assert (pipeline.station_load(0), pipeline.station_load(1)) == (3.0, 3.0)
    assert pipeline.resource_load(0) == 2.5
    assert pipeline.highest_rate() == 2.0
    assert Pipeline(stations, visits, ()).highest_rate() == math.inf
    slower = pipeline.with_tasks_scaled(1, 0.5)
    assert (slower.station_load(0), slower.station_load(1), slower.resource_load(0)) == (3.0, 1.5, 2.5)


def test_a_processor_that_has_run_empty_starts_afresh():
    processor = Processor(1.0)
    assert processor.next_finish() == math.inf
    processor.start(0.0, 1.0, 0.7, "a")
    processor.start(0.0, 1.0, 0.7, "b")
    assert processor.next_finish() == pytest.approx(1.4)
    assert [processor.finish(processor.next_finish()) for _ in "ab"] == ["a", "b"]
    processor.start(10.0, 1.0, 1.0, "c")
    assert processor.next_finish() == pytest.approx(11.0)
    assert processor.work == pytest.approx(2.4)
