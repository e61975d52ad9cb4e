"""A server that is known, measured at low load as a load test would, must be found again."""

import pytest
from plan_results import measured_by_simulation, result, server, step

from ocdrnet_deploy.planning.calibration import calibrated_pipeline
from ocdrnet_deploy.planning.load import Load
from ocdrnet_deploy.planning.low_load import easing, measured_pipeline, without_generator
from ocdrnet_deploy.planning.measurement import CpuUse
from ocdrnet_deploy.planning.measurement_file import parse_measurement
from ocdrnet_deploy.planning.planner import knee_of

LOAD = Load(requests=1000, settling=100)


def station(pipeline, name):
    return next(index for index, each in enumerate(pipeline.stations) if each.name == name)


# Rates at which a quarter to a half of the cores are used, as at the first step of a staircase.
@pytest.mark.full
@pytest.mark.parametrize(
    ("cores", "rate", "boxes"),
    [(2, 3.5, (2, 8)), (2, 0.9, (20, 60)), (8, 4.0, (2, 8))],
    ids=["few lines", "many lines", "many cores"],
)
def test_a_known_server_is_found_again(cores, rate, boxes, monkeypatch):
    true = server(cores, boxes=boxes)
    measured = parse_measurement(measured_by_simulation(true, rate, monkeypatch, boxes=boxes))
    found = calibrated_pipeline(measured)
    assert found.resource_load(0) == pytest.approx(true.resource_load(0), rel=0.03)
    for name in ("ocdnet", "ocrnet", "text_decode"):
        expected = true.station_load(station(true, name))
        assert found.station_load(station(found, name)) == pytest.approx(expected, rel=0.08), name
    assert knee_of(found, 3.0, LOAD) == pytest.approx(knee_of(true, 3.0, LOAD), rel=0.06)


def test_waiting_for_cores_is_taken_out_of_measured_times(monkeypatch):
    true = server(2)
    measured = parse_measurement(measured_by_simulation(true, 4.0, monkeypatch))
    raw, found = measured_pipeline(measured), calibrated_pipeline(measured)
    own = true.station_load(station(true, "ocdnet"))
    assert raw.station_load(station(raw, "ocdnet")) > 1.04 * own
    assert found.station_load(station(found, "ocdnet")) == pytest.approx(own, rel=0.04)


@pytest.mark.full
def test_the_spread_of_latencies_tells_how_size_counts(monkeypatch):
    """Images of four times the pixels: either all the same to the detector, or four times its work."""
    pixels = (400, 1600)
    for sizes, least, most in (((1.0, 1.0), 1.0, 1.5), ((0.4, 1.6), 2.8, 4.0)):
        true = server(8, boxes=(5, 5), sizes=sizes)
        data = measured_by_simulation(true, 1.0, monkeypatch, boxes=(5, 5), pixels=pixels)
        found = calibrated_pipeline(parse_measurement(data))
        small, large = found.visits[2].tasks
        assert found.stations[found.visits[2].station].name == "ocdnet"
        assert least <= large.seconds / small.seconds <= most


def test_without_quantiles_all_images_are_alike(monkeypatch):
    data = measured_by_simulation(server(2), 2.0, monkeypatch)
    del data["steps"][0]["latency"]["quantiles"]
    small, large = calibrated_pipeline(parse_measurement(data)).visits[2].tasks
    assert small.seconds == large.seconds


def test_the_knee_plays_no_part(monkeypatch):
    """Of higher rates nothing but their CPU time is taken."""
    low = step(2.0)
    fast, slow = step(9.0), step(9.0)
    for counts in slow["models"].values():
        counts["compute_infer_s"] *= 10
        for batch in counts["batches"]:
            batch["compute_s"] *= 10
    made = [calibrated_pipeline(parse_measurement(result(steps=[high, low]))) for high in (fast, slow)]
    assert made[0] == made[1]


def test_parts_of_a_measured_server():
    measured = parse_measurement(result(steps=[step(2.0)], knee=None))
    pipeline = measured_pipeline(measured)
    by_name = {each.name: each for each in pipeline.stations}
    assert by_name["ocdnet"].max_rows == 4
    assert by_name["ocrnet"].max_rows == 1000
    assert by_name["text_crop"].max_rows == 0
    # The second visit's blank row takes a millisecond; five crops take ten each.
    assert by_name["ocrnet"].overhead_s == pytest.approx(0.001)
    first, again = (visit.tasks[0] for visit in pipeline.visits if pipeline.stations[visit.station].name == "ocrnet")
    assert (first.rows, first.seconds, first.work) == (5, pytest.approx(0.05), pytest.approx(0.09))
    assert (again.rows, again.seconds, again.work) == (1, 0.0, 0.0)
    # 175 ms of latency, of which 16 in Python steps, 100 in the detector, 2 x 26 in the recognizer.
    front = pipeline.visits[0].tasks[0]
    assert front.seconds == pytest.approx(0.175 - 0.016 - 0.1 - 0.052)
    # Triton's own 2 ms and the generator's: a hundredth of a core at two images a second.
    assert front.work == pytest.approx(0.002 + 0.01 / 2)
    assert without_generator(measured, pipeline).visits[0].tasks[0].work == pytest.approx(0.002)


def test_cpu_time_follows_all_rates():
    """Two rates, a tenth less of a core at the higher: the line says what idle and what full cores take."""
    high = step(5.0, lateness={"cpu_share": 0.0})
    low = step(2.0, lateness={"cpu_share": 0.0})
    high["server_cpu_s"] = {name: 0.9 * seconds for name, seconds in high["server_cpu_s"].items()}
    pipeline = measured_pipeline(parse_measurement(result(steps=[high, low])))
    each = sum(low["server_cpu_s"].values()) / 100
    slope = -0.1 * each / (0.9 * each * 5 / 2 - each * 2 / 2)
    idle = each - slope * each
    assert pipeline.easing == pytest.approx(-slope / idle)
    assert pipeline.resource_load(0) == pytest.approx(idle)
    assert pipeline.at(2.0).resource_load(0) == pytest.approx(each)
    assert pipeline.at(5.0).resource_load(0) == pytest.approx(0.9 * each)
    assert pipeline.at(1000.0).resource_load(0) == pytest.approx(idle + slope)
    detector = [
        visit.tasks[0] for visit in pipeline.at(5.0).visits if pipeline.stations[visit.station].name == "ocdnet"
    ]
    assert detector[0].work == pytest.approx(0.9 * 0.18)
    assert detector[0].seconds == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("busy_and_each", "share"),
    [
        ([(0.3, 0.1)], 0.0),  # one rate shows no slope
        ([(0.30, 0.1), (0.35, 0.05)], 0.0),  # rates that keep cores equally busy draw no line
        ([(0.3, 0.1), (0.8, 0.13)], 0.0),  # a rise is not believed
        ([(0.2, 0.095), (0.6, 0.085)], 0.25),
        ([(0.2, 0.09), (0.9, 0.01)], 0.5),  # the most that goes
    ],
)
def test_how_much_cpu_time_goes(busy_and_each, share):
    uses = [CpuUse(100, 100 * each, 100 * each / busy / 4) for busy, each in busy_and_each]
    assert easing(uses, 4) == pytest.approx(share)


def test_a_preferred_batch_can_be_said():
    measured = parse_measurement(result())
    pipeline = measured_pipeline(measured, preferred={"ocrnet": 32, "ocdnet": 100})
    rows = {each.name: each.max_rows for each in pipeline.stations}
    assert (rows["ocrnet"], rows["ocdnet"]) == (32, 64)


def test_batches_that_cost_less_than_their_images_alone():
    """Seen sizes 1 and 2 of nearly the same time: a batch's overhead, and little for each row."""
    low = step(2.0)
    batches = [{"size": 1, "executions": 60, "compute_s": 6.0}, {"size": 2, "executions": 20, "compute_s": 2.2}]
    low["models"]["ocdnet"] |= {"batches": batches, "executions": 80}
    pipeline = measured_pipeline(parse_measurement(result(steps=[low], knee=None)))
    detector = pipeline.stations[station(pipeline, "ocdnet")]
    assert detector.overhead_s == pytest.approx(0.09)
    assert pipeline.visits[2].tasks[0].seconds == pytest.approx((8.2 - 80 * 0.09) / 100)


def test_a_batch_size_seen_a_few_times_says_nothing():
    low = step(2.0)
    batches = [{"size": 1, "executions": 96, "compute_s": 9.6}, {"size": 2, "executions": 2, "compute_s": 0.2}]
    low["models"]["ocdnet"] |= {"batches": batches, "executions": 98}
    pipeline = measured_pipeline(parse_measurement(result(steps=[low], knee=None)))
    assert pipeline.stations[station(pipeline, "ocdnet")].overhead_s == 0.0
    assert pipeline.visits[2].tasks[0].seconds == pytest.approx(0.098)
