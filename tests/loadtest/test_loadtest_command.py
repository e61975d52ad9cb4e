import contextlib
import json
import re

import grpc
import pytest
from click.testing import CliRunner
from loadtest_triton import SERVED, StandIn, served_grpc, served_http

from ocdrnet_loadtest.commands.loadtest import loadtest
from ocdrnet_loadtest.result import LoadTestResult

FEW = ["--draw", "64x48:1", "--requests", "20", "--seconds", "100ms", "--warm-up", "3", "--metrics", "none"]


def run(*arguments):
    return CliRunner().invoke(loadtest, [*FEW, *map(str, arguments)])


@pytest.fixture
def model():
    return StandIn()


@pytest.mark.parametrize("api", ["grpc", "http", "nim"])
def test_one_rate_over_each_protocol(model, tmp_path, api):
    with SERVED[api](model) as url:
        done = run("--url", url, "--api", api, "--rate", 40, "--json", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    result = LoadTestResult.load(tmp_path / "a.json")
    (step,) = result.steps
    assert (result.mode, result.target.api, step.sent, step.answered) == ("rate", api, 20, 20)
    assert step.latency.p50 > 0
    assert len(model.seen) == 3 + 2 + 20
    assert {image.boxes for image in result.mix.pictures} == {3}


def test_objectives_decide_the_exit_code(model):
    with served_grpc(model) as url:
        met = run("--url", url, "--rate", 40, "--slo", "p99=30s", "--slo", "errors=0%")
        missed = run("--url", url, "--rate", 40, "--slo", "p99=30s", "--slo", "p50=1us")
    assert met.exit_code == 0, met.output
    assert missed.exit_code == 1
    assert "MISSED  p50=1us" in missed.stdout
    assert "met     p99=30s" in missed.stdout


def test_the_report_is_one_file_with_its_plots(model, tmp_path):
    with served_grpc(model) as url, served_http(model) as metrics:
        report = tmp_path / "new" / "report.html"
        done = run(
            "--url", url, "--metrics", f"{metrics}/metrics", "--rate", 40, "--slo", "rate=30", "--report", report
        )
    assert done.exit_code == 0, done.output
    page = report.read_text(encoding="utf-8")
    assert page.count("<svg") >= 3
    assert not re.search(r"""(?:src|href)=["']https?:""", page)
    assert "<script" not in page
    assert "40/s" in page
    assert "rate=30" in page


def test_triton_is_counted_and_strangers_are_noticed(model, tmp_path):
    with served_grpc(model) as url, served_http(model) as metrics:
        arguments = ["--url", url, "--metrics", f"{metrics}/metrics", "--rate", 40, "--json", tmp_path / "a.json"]
        run(*arguments)
        step = LoadTestResult.load(tmp_path / "a.json").steps[0]
        # A stranger for each request of this run: the stand-in remembers each image twice.
        model.saw = lambda image, options: model.seen.extend([(image, options)] * 2)
        disturbed = run(*arguments)
    assert (step.models["ocdrnet"].requests, step.foreign_requests) == (22, 0)
    assert step.models["ocdrnet"].queue_s == pytest.approx(0.022)
    assert "others sent 22 images" in disturbed.stdout


@pytest.mark.full
def test_a_soak_at_the_knee_of_an_earlier_staircase(model, tmp_path):
    knee, soak = tmp_path / "knee.json", tmp_path / "soak.json"
    with served_grpc(model) as url:
        stairs = run("--url", url, "--start-rate", 40, "--growth", 1.1, "--p99", "30s", "--json", knee)
        assert stairs.exit_code == 0, stairs.output
        found = LoadTestResult.load(knee).knee
        done = run("--url", url, "--soak", 60, "--settling", 10, "--knee-of", knee, "--fraction", "50%", "--json", soak)
    assert done.exit_code == 0, done.output
    result = LoadTestResult.load(soak)
    assert result.soak.rate == pytest.approx(found.rate / 2)
    assert (result.soak.requests, result.steps[0].sent) == (60, 60)
    assert result.soak.p99_to_p50 == pytest.approx(result.steps[0].latency.p99 / result.steps[0].latency.p50)


def test_a_server_that_refuses_is_wrong_usage(model):
    model.refusal = (grpc.StatusCode.INVALID_ARGUMENT, 400)
    with served_grpc(model) as url:
        done = run("--url", url, "--rate", 40)
    assert done.exit_code == 2
    assert "INVALID_ARGUMENT" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--users", 2, "--rate", 3], "closed loop"),
        (["--users", 2, "--header", "a=b"], "sends no --header"),
        (["--images", "a", "--draw", "64x64:1"], "not both"),
        (["--knee-of", __file__], "--soak"),
        (["--slo", "p98=1s"], "'p98=1s' is no objective"),
        (["--slo", "p99=fast"], "'fast'"),
        (["--rate", "0"], "no rate above 0"),
        (["--p99", "-1"], "'-1'"),
        (["--errors", "200%"], "no share"),
        (["--url", "ftp://a"], "scheme"),
        (["--url", "grpc://a", "--api", "nim"], "must begin with"),
        (["--draw", "9x9:1"], "32 to 8192"),
        (["--draw", "64x64:9"], "at most 5 lines"),
        (["--growth", "1"], "growth is 1"),
        (["--header", "key"], "NAME=VALUE"),
        (["--soak", 5, "--knee-of", __file__], "cannot read"),
        (["--server-pid", 2**22 + 1], "no process"),
        (["--param", "colour=red"], "colour"),
    ],
)
def test_a_mistake_is_named_before_anything_is_sent(arguments, said):
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_a_result_that_cannot_be_written_is_1(model, tmp_path):
    (tmp_path / "file").write_text("")
    with served_grpc(model) as url:
        done = run("--url", url, "--rate", 40, "--json", tmp_path / "file" / "a.json")
    assert done.exit_code == 1
    assert "cannot write" in done.stderr


@pytest.mark.full
@pytest.mark.parametrize("api", ["grpc", "http"])
def test_locusts_users_make_a_step(model, tmp_path, api):
    with SERVED[api](model) as url:
        done = run("--url", url, "--users", 2, "--seconds", "4s", "--think", "10ms", "--json", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    (step,) = LoadTestResult.load(tmp_path / "a.json").steps
    assert (step.users, step.offered_rate, step.arrivals) == (2, None, "closed")
    assert step.sent == step.answered > 0
    # Each user's last request may still be under way when the time is over: it is not counted.
    assert 0 <= len(model.seen) - (3 + 2 + step.sent) <= 2
    assert json.loads((tmp_path / "a.json").read_text())["mode"] == "users"


@contextlib.contextmanager
def several(api, models):
    """Servers of several models, and a url that lists them."""
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(SERVED[api](model)) for model in models]
        yield f"{urls[0].partition('://')[0]}://" + ",".join(url.partition("://")[2] for url in urls)


@pytest.mark.full
@pytest.mark.parametrize("api", ["grpc", "http", "nim"])
def test_several_servers_have_their_shares_of_a_rate(tmp_path, api):
    models = [StandIn() for _ in range(3)]
    with several(api, models) as url:
        done = run("--url", url, "--api", api, "--rate", 60, "--requests", 120, "--json", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    result = LoadTestResult.load(tmp_path / "a.json")
    assert result.target.url == url
    (step,) = result.steps
    assert step.sent == step.answered
    counts = [len(model.seen) for model in models]
    assert min(counts) > 0.9 * sum(counts) / 3, counts


@pytest.mark.full
@pytest.mark.parametrize("api", ["grpc", "http"])
def test_several_servers_have_their_shares_of_locusts_users(tmp_path, api):
    models = [StandIn() for _ in range(3)]
    with several(api, models) as url:
        # Long enough for locust to start on a busy machine.
        done = run("--url", url, "--users", 2, "--seconds", "12s", "--think", "10ms", "--json", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    (step,) = LoadTestResult.load(tmp_path / "a.json").steps
    assert step.sent == step.answered > 0
    counts = [len(model.seen) for model in models]
    assert min(counts) > 0.7 * sum(counts) / 3, counts
