"""Knees, replicas, other boxes, other cores, a GPU."""

import math

import pytest
from plan_results import result, server, step

from ocdrnet_deploy.planning.calibration import calibrated_pipeline
from ocdrnet_deploy.planning.errors import MeasurementError, NoCapacityError
from ocdrnet_deploy.planning.gpu_speed import GpuSpeed
from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.measurement_file import parse_measurement
from ocdrnet_deploy.planning.pipeline import Pipeline, Station, Task, Visit
from ocdrnet_deploy.planning.planner import compare_knees, knee_of, plan_replicas
from ocdrnet_deploy.planning.replicas import cores_for_gpu, cores_per_gpu, on_gpu, with_boxes, with_cores
from ocdrnet_deploy.repository.profile import TensorRtProfile

LOAD = Load(requests=800, settling=80)
SPEED = GpuSpeed("L4", 200.0, 2000.0, ())


def one_station(seconds=0.1, **settings):
    return Pipeline((Station("s", **settings),), (Visit(0, (Task(1, seconds, 0.0),)),))


def mean_rows(pipeline):
    (visit, *_) = (each for each in pipeline.visits if pipeline.stations[each.station].name == "ocrnet")
    return sum(task.rows for task in visit.tasks) / len(visit.tasks)


def test_a_knee_lies_where_the_limit_is_crossed():
    pipeline = one_station()
    knee = knee_of(pipeline, 0.4, LOAD)
    assert LOAD.quantile(pipeline, knee, 0.99) <= 0.4 < LOAD.quantile(pipeline, knee * 1.02, 0.99)


def test_a_knee_without_a_queue_is_searched_no_further():
    assert knee_of(one_station(instances=10**9), 0.4, LOAD) > 100


@pytest.mark.full
def test_a_looser_limit_more_cores_and_less_work_never_lower_the_knee():
    knees = [knee_of(server(2), limit, LOAD) for limit in (0.5, 1.0, 2.0)]
    assert knees == sorted(knees)
    knees = [knee_of(server(cores), 1.0, LOAD) for cores in (2, 3, 8)]
    assert knees == sorted(knees)
    assert knees[0] < knees[1]
    knees = [knee_of(server(2, crop=(own, 1.5 * own)), 1.0, LOAD) for own in (0.03, 0.01, 0.005)]
    assert knees == sorted(knees)
    assert knees[0] < knees[2]


def test_a_limit_below_one_image_alone():
    with pytest.raises(NoCapacityError) as caught:
        knee_of(one_station(), 0.05, LOAD)
    assert "50 ms cannot be met at any rate" in str(caught.value)
    assert "100 ms" in str(caught.value)


def test_cores_bound_the_knee():
    """Nine tenths to all of what two cores can do, with a limit of many service times."""
    true = server(2)
    assert 0.85 * true.highest_rate() < knee_of(true, 3.0, LOAD) < 1.03 * true.highest_rate()


def test_replicas_share_the_rate():
    found = plan_replicas(server(2), 100.0, 3.0, 5.0, LOAD)
    assert found.replicas == math.ceil(100.0 / found.knee_rate)
    assert found.replica_rate == pytest.approx(100.0 / found.replicas)
    assert found.p50_s < found.p95_s < found.p99_s <= 3.0
    assert (found.gpu_share, found.cores_per_gpu, found.cores) == (None, None, 2.0)
    assert found.bottleneck == "CPU cores"
    assert found.core_share == found.bottleneck_share > 0.7
    assert [each.name for each in found.steps if each.name == "server and network"] == []
    (detector,) = (each for each in found.steps if each.name == "ocdnet")
    assert detector.instances == 1
    assert 0.5 < detector.busy_share <= 1
    assert detector.batch_rows > 1


@pytest.mark.full
def test_more_load_never_needs_fewer_replicas():
    counts = [plan_replicas(server(2), rate, 1.0, 5.0, LOAD).replicas for rate in (0.1, 10, 11, 100)]
    assert counts == sorted(counts)
    assert counts[0] == 1


@pytest.mark.full
def test_an_exact_knee_is_one_replica():
    pipeline = server(2)
    knee = knee_of(pipeline, 1.0, LOAD)
    assert plan_replicas(pipeline, 3 * knee, 1.0, 5.0, LOAD).replicas == 3
    assert plan_replicas(pipeline, 3.01 * knee, 1.0, 5.0, LOAD).replicas == 4


def test_a_step_with_one_slow_instance_is_the_bottleneck():
    assert plan_replicas(server(16, detector=(0.1, 0.1)), 7.0, 1.0, 5.0, LOAD).bottleneck == "ocdnet"


@pytest.mark.full
def test_more_boxes_cost_more_and_fewer_only_the_recognizer_less():
    pipeline = server(2)
    more, fewer = with_boxes(pipeline, 5.0, 10.0), with_boxes(pipeline, 5.0, 2.5)
    assert (mean_rows(pipeline), mean_rows(more), mean_rows(fewer)) == (5, 10, 2.5)
    by_name = {each.name: at for at, each in enumerate(pipeline.stations)}
    own = {name: pipeline.station_load(at) for name, at in by_name.items()}
    assert more.station_load(by_name["text_decode"]) == pytest.approx(2 * own["text_decode"])
    assert fewer.station_load(by_name["text_decode"]) == pytest.approx(own["text_decode"])
    for name in ("ocdnet", "image_preprocess"):
        assert more.station_load(by_name[name]) == pytest.approx(own[name])
    # Of ocrnet all but the two batches' millisecond follows the crops.
    assert more.station_load(by_name["ocrnet"]) == pytest.approx(2 * (own["ocrnet"] - 0.002) + 0.002)
    assert knee_of(more, 1.0, LOAD) < knee_of(pipeline, 1.0, LOAD) < knee_of(fewer, 1.0, LOAD)


def test_boxes_cannot_follow_from_none():
    with pytest.raises(MeasurementError, match="no line of text"):
        with_boxes(server(2), 0.0, 20.0)


def test_other_cores():
    pipeline = with_cores(server(4), 2.0)
    assert pipeline.capacities == (2.0,)
    assert max(each.parallelism for each in pipeline.stations if each.name == "ocdnet") == 2.0


def test_a_gpu_runs_the_networks_and_the_cores_the_rest():
    pipeline = server(2)
    moved = on_gpu(pipeline, SPEED, TensorRtProfile())
    assert moved.resource_load(1) == pytest.approx(1 / 200 + 5 / 2000 + 1 / 2000)
    python = 0.7 * (0.006 + 0.004 + 0.002 + 0.001 + 0.003) + 0.003
    assert moved.resource_load(0) == pytest.approx(python)
    assert cores_per_gpu(moved) == pytest.approx(python / 0.008)
    assert cores_for_gpu(moved) == math.ceil(python / 0.008 / 0.8)
    by_name = {each.name: each for each in moved.stations}
    assert (by_name["ocdnet"].max_rows, by_name["ocdnet"].resource) == (8, 1)
    assert by_name["ocrnet"].queue_delay_s == pytest.approx(0.0005)
    # 125 images a second keep an instance of 6 ms busy for 0.75 of its time: one too few.
    assert by_name["image_preprocess"].instances == 2
    assert by_name["text_turn"].instances == 1


@pytest.mark.full
def test_a_gpus_plan():
    moved = on_gpu(server(2), SPEED, TensorRtProfile())
    found = plan_replicas(with_cores(moved, cores_for_gpu(moved)), 500.0, 0.3, 5.0, LOAD)
    assert found.bottleneck == "GPU"
    assert found.gpu_share == found.bottleneck_share
    assert found.cores_per_gpu == pytest.approx(cores_per_gpu(moved))
    assert 4 <= found.replicas <= 6
    starved = plan_replicas(with_cores(moved, 1.0), 500.0, 0.3, 5.0, LOAD)
    assert starved.bottleneck == "CPU cores"
    assert starved.replicas > found.replicas


@pytest.mark.full
def test_knees_are_compared_under_the_measured_limit_and_steps():
    measured = parse_measurement(result())
    pipeline = calibrated_pipeline(measured)
    found = compare_knees(measured, pipeline, None)
    assert (found.measured_rate, found.measured_failed_rate, found.low_rate) == (5.0, 5.5, 2.0)
    assert found.error == pytest.approx(found.predicted_rate / 5.0 - 1)
    assert found == compare_knees(measured, pipeline, 1.0)
    load = Load(100, 0, 7, 1)
    assert load.quantile(pipeline, found.predicted_rate, 0.99) <= 1.0


@pytest.mark.full
def test_a_knee_of_short_steps_is_higher():
    """A step that is over before its queue has grown passes at rates that no server stands for long."""
    pipeline = calibrated_pipeline(parse_measurement(result()))
    rates = []
    for requests in (20, 1000):
        steps = [step(2.0), step(5.0, requests=requests)]
        rates.append(compare_knees(parse_measurement(result(steps=steps)), pipeline, None).predicted_rate)
    assert rates[0] > 1.1 * rates[1]


@pytest.mark.full
def test_equal_gaps_are_simulated_as_such():
    random, equal = (parse_measurement(result(arrivals=kind)) for kind in ("poisson", "constant"))
    pipeline = calibrated_pipeline(random)
    assert compare_knees(equal, pipeline, None).predicted_rate > compare_knees(random, pipeline, None).predicted_rate


def test_no_knee_or_another_limit():
    pipeline = server(2)
    with pytest.raises(MeasurementError, match="knee is null"):
        compare_knees(parse_measurement(result(knee=None)), pipeline, None)
    with pytest.raises(MeasurementError, match=r"knee.p99_limit_s is 1 s and --p99 0.3 s"):
        compare_knees(parse_measurement(result()), pipeline, 0.3)
