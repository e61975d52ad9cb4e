"""Reading the result of a load test: what is taken, and what is refused."""

import copy
import json

import pytest
from plan_results import image, result, step

from ocdrnet_deploy.planning.errors import MeasurementError, PlanningError
from ocdrnet_deploy.planning.measurement import CpuUse, Knee, MixImage, Model
from ocdrnet_deploy.planning.measurement_file import load_measurement, parse_measurement


def changed(path, value=None, *, remove=False):
    """A result with one field set or taken away; the path's parts are keys and indices."""
    data = copy.deepcopy(result())
    at = data
    *parents, last = path
    for part in parents:
        at = at[part]
    if remove:
        del at[last]
    else:
        at[last] = value
    return data


def test_what_is_taken():
    found = parse_measurement(result())
    assert found.ensemble == "ocdrnet"
    assert found.visits[4] == found.visits[6] == "ocrnet"
    assert found.models["ocdnet"] == Model(1, 64, 0.0, 4)
    assert (found.cores, found.cpu, found.is_poisson) == (2, "Some CPU", True)
    assert (found.images, found.boxes) == ((MixImage(640 * 480, 5.0),), 5.0)
    assert found.low.rate == 2.0
    assert found.low.client_cpu_s == pytest.approx(0.01 * 50)
    assert found.low.models["ocrnet"].busy_s == pytest.approx(5.2)
    assert found.low.models["ocrnet"].request_s == pytest.approx(5.2)
    assert found.knee == Knee(5.0, 5.5, 1.0, 100, 0, True)
    assert found.warnings == ()


def test_the_lowest_rate_wins_wherever_it_stands():
    assert parse_measurement(result(steps=[step(5.0), step(1.5), step(2.0)])).low.rate == 1.5


def test_cpu_time_is_taken_of_every_rate_that_has_it():
    """A step that was cut short lasted as long as its requests; one without counters says nothing."""
    cut = step(5.0, requests=40, settling=10, seconds=100.0, lateness={"cpu_share": 0.0})
    cut["models"]["ocdrnet"]["requests"] = 50
    silent, elsewhere = step(3.0, models=None), step(4.0, server_cpu_s=None)
    found = parse_measurement(result(steps=[cut, silent, elsewhere, step(2.0)], knee=None)).cpu_use
    spent = sum(cut["server_cpu_s"].values())
    assert found[0] == CpuUse(50, pytest.approx(spent), pytest.approx(10.0))
    low = sum(step(2.0)["server_cpu_s"].values()) + 0.01 * 50
    assert found[1:] == (CpuUse(100, pytest.approx(low), pytest.approx(50.0)),)


def test_a_knee_has_the_steps_of_its_rate():
    data = result(steps=[step(2.0), step(5.0, requests=700, settling=70)])
    assert (parse_measurement(data).knee.requests, parse_measurement(data).knee.settling) == (700, 70)


@pytest.mark.parametrize("knee", [None, {"rate": None, "p99_limit_s": 1.0, "limited_by": "server"}])
def test_no_knee(knee):
    assert parse_measurement(result(knee=knee)).knee is None


def test_images_that_never_went_out_do_not_count():
    data = result(mix={"pictures": [image(None, sent=0), image(3.0)]})
    assert parse_measurement(data).boxes == 3.0


def test_a_generator_elsewhere_takes_no_core():
    assert parse_measurement(changed(["machine", "server_is_local"], False)).low.client_cpu_s == 0.0


MISSING = [
    (["format"], "format is not"),
    (["arrivals"], "arrivals is missing"),
    (["target"], "target is missing"),
    (["target", "model"], "target.model is missing"),
    (["target", "models", "ocdrnet"], "target.models.ocdrnet is missing"),
    (["target", "models", "ocdrnet", "depends_on"], "target.models.ocdrnet.depends_on is missing"),
    (["target", "models", "text_crop"], "target.models.text_crop is missing"),
    (["target", "models", "ocdnet", "instances"], "target.models.ocdnet.instances is missing"),
    (["target", "models", "ocdnet", "max_batch_size"], "target.models.ocdnet.max_batch_size is missing"),
    (["machine", "cores"], "machine.cores is missing"),
    (["machine", "cpu"], "machine.cpu is missing"),
    (["machine", "server_is_local"], "machine.server_is_local is missing"),
    (["mix", "pictures"], "mix.pictures is missing"),
    (["mix", "pictures", 0, "boxes"], "mix.pictures[0].boxes is missing"),
    (["mix", "pictures", 0, "width"], "mix.pictures[0].width is missing"),
    (["steps"], "steps is missing"),
    (["steps", 0, "server_cpu_s"], "server_cpu_s is missing: measure on the server's machine"),
    (["steps", 0, "models"], "models is missing"),
    (["steps", 0, "models", "ocdrnet"], "models.ocdrnet is missing"),
    (["steps", 0, "models", "text_turn"], "models.text_turn is missing"),
    (["steps", 0, "models", "ocrnet", "batches"], "models.ocrnet.batches is missing"),
    (["steps", 0, "models", "ocrnet", "batches", 0, "size"], "models.ocrnet.batches[0].size is missing"),
    (["steps", 0, "models", "ocrnet", "queue_s"], "models.ocrnet.queue_s is missing"),
    (["steps", 0, "models", "ocrnet", "compute_infer_s"], "models.ocrnet.compute_infer_s is missing"),
    (["steps", 0, "latency", "mean"], "latency.mean is missing"),
    (["steps", 0, "lateness"], "lateness is missing"),
    (["steps", 0, "seconds"], "seconds is missing"),
    (["steps", 0, "sent"], "sent is missing"),
    (["knee", "p99_limit_s"], "knee.p99_limit_s is missing"),
    (["knee", "limited_by"], "knee.limited_by is missing"),
]


@pytest.mark.parametrize(("path", "text"), MISSING, ids=[".".join(map(str, path)) for path, _ in MISSING])
def test_a_missing_field_is_named(path, text):
    with pytest.raises(MeasurementError) as caught:
        parse_measurement(changed(path, remove=True))
    assert text in str(caught.value)


WRONG = [
    (["format"], "other", 'format is not "ocdrnet-loadtest"'),
    (["version"], 2, "version is 2; this program reads 1"),
    (["target"], 3, "target is 3; it must be an object"),
    (["target", "model"], 3, "target.model is 3; it must be text"),
    (["target", "models", "ocdrnet", "depends_on"], [], "depends_on is empty"),
    (["target", "models", "ocdrnet", "depends_on"], [1], "it must be a list of names"),
    (["machine", "cores"], 0, "machine.cores is 0; it must be 1 at least"),
    (["machine", "cores"], 1.5, "machine.cores is 1.5; it must be a whole number"),
    (["machine", "server_is_local"], "yes", "must be true or false"),
    (["mix", "pictures"], [], "mix.pictures has none that was sent"),
    (["mix", "pictures", 0, "boxes"], None, "mix.pictures[0].boxes is null; it must be a number"),
    (["steps"], [], "steps has none with an offered_rate"),
    (["steps", 0, "latency", "mean"], True, "latency.mean is True; it must be a number"),
    (["steps", 0, "latency", "mean"], -1, "latency.mean is -1; it must be a number from 0 on"),
    (["steps", 0, "latency", "mean"], float("nan"), "latency.mean is nan"),
    (["steps", 0, "latency"], None, "latency is null; it must be an object"),
    (["steps", 0, "latency", "quantiles"], ["a"], "latency.quantiles.0 is 'a'"),
    (["steps", 0, "server_cpu_s"], None, "server_cpu_s is missing: measure on the server's machine"),
    (["steps", 0, "models"], None, "models is null; it must be an object"),
    (["steps", 0, "models", "ocrnet", "batches"], [], "models.ocrnet.batches holds nothing"),
    (["steps", 0, "models", "ocrnet", "requests"], 0, "models.ocrnet.requests holds nothing"),
]


@pytest.mark.parametrize(("path", "value", "text"), WRONG)
def test_a_wrong_field_is_named(path, value, text):
    with pytest.raises(MeasurementError) as caught:
        parse_measurement(changed(path, value))
    assert text in str(caught.value)


def test_a_closed_loop_and_a_benchmark_are_refused():
    with pytest.raises(MeasurementError, match="not --users"):
        parse_measurement(result(steps=[step(2.0, offered_rate=None)]))
    with pytest.raises(MeasurementError, match="result of a benchmark"):
        parse_measurement({"benchmark": "stages", "tables": {}})
    with pytest.raises(MeasurementError, match="the file is 3; it must be an object"):
        parse_measurement(3)


@pytest.mark.parametrize("text", ["", "{", "[]", None])
def test_a_file_that_is_none_says_how_to_get_one(tmp_path, text):
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(MeasurementError) as caught:
        load_measurement(path)
    assert str(path) in str(caught.value)
    assert "ocdrnet loadtest --images FOLDER" in str(caught.value)
    assert (caught.value.exit_code, issubclass(MeasurementError, PlanningError)) == (2, True)


def test_a_file_is_read(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(result()))
    assert load_measurement(path) == parse_measurement(result())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (result(steps=[step(4.0), step(5.0)]), "over 70 % of the knee"),
        (result(steps=[step(2.0, requests=50), step(5.0)]), "with 50 requests; 500 make it surer"),
        (result(steps=[step(2.0), step(5.0, foreign_requests=3)]), "others used the server"),
        (result(knee={**result()["knee"], "limited_by": "generator"}), "generator was the bottleneck"),
        (changed(["target", "models", "ocdnet", "preferred_batch_size"], remove=True), "preferred batch of ocdnet:"),
    ],
)
def test_doubts(data, text):
    (warning,) = parse_measurement(data).warnings
    assert text in warning


def test_a_load_test_of_this_distribution_is_read():
    """The planner reads by the documented format and imports nothing; here the two are held together."""
    loadtest = pytest.importorskip("ocdrnet_loadtest.result", reason="needs the extra loadtest")
    data = result()
    for each in data["steps"]:
        each |= {"images_per_s": 1.0, "crops_per_s": 1.0, "goodput_per_s": 1.0}
        each["latency"] |= dict.fromkeys(("p50", "p90", "p95", "p99", "max", "p99_low", "p99_high"), 0.1)
        each["lateness"] |= {"share": 0.0, "p99": 0.0, "max": 0.0, "is_bottleneck": False}
    data["target"] |= {"url": "grpc://127.0.0.1:8001", "api": "grpc"}
    data["mix"] |= {"source": "drawn", "seed": 1}
    data["knee"] |= {"error_limit": 0.001, "images_per_s": 5.0, "crops_per_s": 25.0, "note": ""}
    written = loadtest.LoadTestResult.from_dict({**data, "started": "2026-01-01T00:00:00+00:00"}).to_dict()
    found, own = parse_measurement(json.loads(json.dumps(written))), parse_measurement(data)
    assert (found.low, found.knee, found.images) == (own.low, own.knee, own.images)
