import json

import pytest
from click.testing import CliRunner
from plan_results import image, result, step

from ocdrnet_cli.main import main
from ocdrnet_deploy.commands import plan as plan_module
from ocdrnet_deploy.planning.load import Load

BASIC = ("--rate", "20", "--p99", "1s")


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    """Fewer requests than a real plan takes."""
    monkeypatch.setattr(plan_module, "Load", lambda seed: Load(600, 60, seed=seed))


def run(*arguments):
    return CliRunner().invoke(main, ["plan", *(str(argument) for argument in arguments)])


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps(result()))
    return path


def written(path, data):
    path.write_text(json.dumps(data))
    return path


def test_a_plan(results):
    found = run("--measured", results, *BASIC)
    assert found.exit_code == 0, found.output
    figures = dict(line.split("  ", 1) for line in found.stdout.splitlines()[:7])
    assert int(figures["replicas"]) >= 2
    assert "20 images/s of 5 lines, p99 within 1 s" in figures["load"]
    assert all(name in figures["latency"] for name in ("p50", "p95", "p99"))
    assert "CPU cores" in figures["bottleneck"]
    assert "cores per GPU" not in found.stdout
    assert "service times: measured at 2 images/s of 5 lines on 2 cores of Some CPU" in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 120
    steps = [line.split()[0] for line in found.stdout.split("rows of a batch\n")[1].split("\n\n")[0].splitlines()]
    assert sorted(steps) == sorted(set(steps))
    assert {"ocdnet", "ocrnet", "text_decode"} <= set(steps)


@pytest.mark.full
def test_json_says_the_same(results):
    found = json.loads(run("--measured", results, *BASIC, "--json").stdout)
    assert found["replicas"] * found["knee_rate"] >= 20
    assert {"p50_s", "p95_s", "p99_s", "bottleneck", "steps", "sources", "warnings", "boxes"} <= set(found)
    assert found["boxes"] == 5.0
    assert found == json.loads(run("--measured", results, *BASIC, "--json").stdout)
    assert found != json.loads(run("--measured", results, *BASIC, "--json", "--seed", "2").stdout)


@pytest.mark.full
def test_boxes_and_cores(results):
    plain, dense, large = (
        json.loads(run("--measured", results, *BASIC, "--json", *more).stdout)
        for more in ((), ("--boxes", 20), ("--cores", 8))
    )
    assert dense["replicas"] > plain["replicas"] > large["replicas"]
    assert dense["boxes"] == 20
    assert any("20 asked for; times extrapolated from 5" in source for source in dense["sources"])
    assert large["cores"] == 8


def test_boxes_may_be_none_at_all(results):
    assert json.loads(run("--measured", results, *BASIC, "--json", "--boxes", 0).stdout)["boxes"] == 0


def test_a_gpu_says_what_is_measured_and_what_is_not(results):
    found = run("--measured", results, "--rate", "2000", "--p99", "300ms", "--boxes", 20, "--gpu", "L4")
    assert found.exit_code == 0, found.output
    assert "cores per GPU" in found.stdout
    assert "Python steps: measured at 2 images/s" in found.stdout
    assert "detector: published, OCDNet ResNet-18" in found.stdout
    assert "recognizer: estimated" in found.stdout
    assert "service times" not in found.stdout


@pytest.mark.full
def test_how_cpu_time_falls_counts_with_the_networks_on_the_cores_only(results, tmp_path):
    high = step(5.0)
    high["server_cpu_s"] = {name: 0.8 * seconds for name, seconds in high["server_cpu_s"].items()}
    falling = written(tmp_path / "falling.json", result(steps=[step(2.0), high]))
    plain, eased = (json.loads(run("--measured", path, *BASIC, "--json").stdout) for path in (results, falling))
    assert eased["knee_rate"] > 1.05 * plain["knee_rate"]
    assert "less on fully used cores" in "".join(eased["sources"])
    gpu = ("--gpu", "mine", "--pictures-per-s", 500, "--crops-per-s", "5000/s")
    plain, eased = (json.loads(run("--measured", path, *BASIC, *gpu, "--json").stdout) for path in (results, falling))
    assert eased == plain
    assert "CPU time falling by" in run("--measured", falling, "--knee").stdout


def test_a_measured_gpu(results):
    given = ("--gpu", "mine", "--pictures-per-s", 500, "--crops-per-s", "5000/s", "--cores", 16)
    found = json.loads(run("--measured", results, *BASIC, "--json", *given).stdout)
    assert found["cores"] == 16
    assert sum("measured by you" in source for source in found["sources"]) == 2
    # An image has 5 crops and a blank one.
    python = 0.016 + 0.002
    assert found["cores_per_gpu"] == pytest.approx(python / (1 / 500 + 6 / 5000))


@pytest.mark.full
def test_a_knee(results):
    found = run("--measured", results, "--knee")
    assert found.exit_code == 0, found.output
    assert "measured knee   5 images/s, 5.5 failed" in found.stdout
    assert "from the step at 2/s" in found.stdout
    assert "% of the measured knee" in found.stdout
    as_json = json.loads(run("--measured", results, "--knee", "--json").stdout)
    assert as_json["error"] == pytest.approx(as_json["predicted_rate"] / 5 - 1)


@pytest.mark.full
def test_within(results, tmp_path):
    predicted = json.loads(run("--measured", results, "--knee", "--json").stdout)["predicted_rate"]
    for factor, code in ((1.15, 0), (0.87, 0), (1.3, 1), (0.7, 1)):
        measured = {"p99_limit_s": 1.0, "rate": predicted * factor, "failed_rate": None, "limited_by": "server"}
        path = written(tmp_path / "other.json", result(knee=measured, steps=[step(2.0)]))
        assert run("--measured", path, "--knee", "--within", "20%").exit_code == code, factor


def test_warnings_go_to_stderr(tmp_path):
    path = written(tmp_path / "few.json", result(steps=[step(2.0, requests=60)], knee=None))
    found = run("--measured", path, *BASIC, "--json")
    assert "warning: the lowest rate was measured with 60 requests" in found.stderr
    assert json.loads(found.stdout)["warnings"]


@pytest.mark.full
def test_the_generators_core_time_is_not_planned_for(tmp_path):
    """It is part of what was measured, and so of --knee, but not of a server in service."""
    busy = written(tmp_path / "busy.json", result(steps=[step(2.0, lateness={"cpu_share": 0.2}), step(5.0)]))
    idle = written(tmp_path / "idle.json", result(steps=[step(2.0, lateness={"cpu_share": 0.0}), step(5.0)]))
    rates = [json.loads(run("--measured", path, *BASIC, "--json").stdout)["knee_rate"] for path in (busy, idle)]
    assert rates[0] == pytest.approx(rates[1], rel=0.08)
    knees = [json.loads(run("--measured", path, "--knee", "--json").stdout)["predicted_rate"] for path in (busy, idle)]
    assert knees[0] < 0.85 * knees[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "a plan needs --measured, the result of a load test; measure a running server with"),
        (("--measured", "M"), "a plan needs --rate"),
        (("--measured", "M", "--rate", 5), "a plan needs --p99"),
        (("--measured", "M", "--rate", "0", "--p99", "1s"), "'0' is no rate above 0"),
        (("--measured", "M", "--rate", "5", "--p99", "soon"), "'soon' is no time above 0"),
        (("--measured", "M", *BASIC, "--within", "20%"), "--within goes with --knee"),
        (("--measured", "M", "--knee", "--within", "x"), "'x' is no share"),
        (("--measured", "M", "--knee", "--gpu", "L4"), "--knee predicts what was measured"),
        (("--measured", "M", "--knee", "--boxes", 0), "--knee predicts what was measured"),
        (("--measured", "M", "--knee", "--cores", 4), "--knee predicts what was measured"),
        (("--measured", "M", "--knee", "--rate", 4), "--knee predicts what was measured"),
        (("--measured", "M", "--knee", "--p99", "2s"), "knee.p99_limit_s is 1 s and --p99 2 s"),
        (("--measured", "M", *BASIC, "--crops-per-s", 5), "name it with --gpu"),
        (("--measured", "M", *BASIC, "--gpu", "K80"), "no speed of OCDNet ResNet-18 on 'K80'"),
        (("--measured", "M", *BASIC, "--gpu", "L4", "--detector-input", "736"), "'736' is no HEIGHTxWIDTH"),
        (("--measured", "M", *BASIC, "--preferred", "ocdnet"), "is no MODEL=ROWS"),
        (("--measured", "M", *BASIC, "--preferred", "ocdnet=0"), "is no MODEL=ROWS"),
        (("--measured", "M", *BASIC, "--preferred", "detector=4"), "'detector' is no model"),
        (("--measured", "M", "--rate", "5", "--p99", "10ms"), "10 ms cannot be met at any rate"),
        (("--measured", "nowhere.json", *BASIC), "cannot read nowhere.json"),
    ],
)
def test_mistakes(results, arguments, text):
    found = run(*(results if argument == "M" else argument for argument in arguments))
    assert found.exit_code == 2
    assert text in " ".join(found.stderr.split())
    assert found.stdout == ""
    assert "Traceback" not in found.stderr


def test_a_missing_field_is_named_with_the_file(tmp_path):
    data = result()
    del data["steps"][0]["models"]
    path = written(tmp_path / "old.json", data)
    found = run("--measured", path, *BASIC)
    assert found.exit_code == 2
    assert "old.json: " in found.stderr
    assert "models is missing" in found.stderr


def test_boxes_of_a_mix_without_lines(tmp_path):
    path = written(tmp_path / "blank.json", result(mix={"pictures": [image(0.0)]}))
    found = run("--measured", path, *BASIC, "--boxes", 5)
    assert (found.exit_code, "no line of text" in found.stderr) == (2, True)
