"""`ocdrnet bulk` against a stand-in server: output, going on, refusals, retries, exit codes."""

import json
import re
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner
from client_answers import EMPTY, TWO_LINES, tensors_of
from client_model import Refused

from ocdrnet_bulk.planning import held_lock
from ocdrnet_cli.main import main

NAMES = [f"{index:02}.png" for index in range(20)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOB_COMPLETION_INDEX", raising=False)
    (tmp_path / "pics").mkdir()
    for name in NAMES:
        (tmp_path / "pics" / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def bulk(server, folder):
    def run(*arguments, source="pics", output="out", env=None):
        given = ["bulk", source, "--output", output, "--url", server.url, *map(str, arguments)]
        return CliRunner().invoke(main, given, env=env)

    return run


def images(folder, kind="results"):
    paths = sorted((folder / kind).iterdir())
    return [json.loads(line)["image"] for path in paths for line in path.open(encoding="utf-8")]


def failing(server, *names):
    def respond(request):
        if request.image.decode() in names:
            raise Refused(server.status("invalid"), "spoilt")
        return tensors_of(EMPTY)

    return respond


def test_what_is_left_out_is_told_by_the_run_that_lists(bulk, folder):
    (folder / "pics" / "notes.docx").touch()
    told = "Warning: left out: 1 files of other kinds (.docx)\n"
    assert [bulk().stderr, bulk().stderr] == [told, ""]


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from ocdrnet_cli.main import main
main(prog_name='ocdrnet')
"""


@pytest.mark.parametrize("protocol", ["grpc"], indirect=True)
@pytest.mark.parametrize(("bytes_allowed", "output_format"), [(0, "jsonl"), (700, "jsonl"), (9000, "parquet")])
def test_a_full_disk_ends_with_a_sentence_and_the_next_run_goes_on(server, folder, bulk, bytes_allowed, output_format):
    """A limit for each file's size stands in for the full disk: what is written beyond it fails in the same way.

    -B: Python would cut its compiled modules off at that size, too, and every later import of them would fail.
    """
    server.model.respond = lambda request: tensors_of(TWO_LINES)
    options = ["bulk", "pics", "--output", "out", "--url", server.url, "--format", output_format]
    run = subprocess.run(
        [sys.executable, "-B", "-c", LIMITED, str(bytes_allowed), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 2, run.stderr
    (sentence,) = (line for line in run.stderr.splitlines() if line.startswith("Error: "))
    assert re.search("cannot (write|be used)", sentence)
    assert not re.search("Traceback|Exception|Error:.*Error", run.stderr)
    again = bulk("--format", output_format)
    assert again.exit_code == 0, again.stderr
    assert again.stdout.startswith("20 images read, none failed")


def test_each_image_is_one_line_as_read_prints_it(bulk, model, folder):
    model.respond = lambda request: tensors_of(TWO_LINES)
    run = bulk("--shards", 3, "--param", "merge=word")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.startswith("20 images read, none failed; 20 of them now")
    assert images(folder / "out") == NAMES
    first = (folder / "out/results/part-00000-of-00003.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first) == json.loads(json.dumps({**TWO_LINES.to_dict(), "image": "00.png"}))
    assert {request.parameters["merge"] for request in model.requests} == {"word"}
    assert len(list((folder / "out/failures").iterdir())) == 3


def test_a_finished_run_asks_nothing_of_the_server(bulk, model):
    bulk()
    model.requests.clear(), model.questions.clear()
    run = bulk()
    assert (run.exit_code, model.requests, model.questions) == (0, [], [])
    assert "20 images read, none failed; 0 of them now" in run.stdout


def test_failures_are_listed_and_tried_again_only_when_asked(bulk, model, server, folder):
    model.respond = failing(server, "03.png", "11.png")
    run = bulk("--shards", 2)
    assert run.exit_code == 1
    assert "18 images read, 2 failed (see " in run.stdout
    assert images(folder / "out", "failures") == ["03.png", "11.png"]
    assert bulk("--accept-failures").exit_code == 0
    model.respond = failing(server, "11.png")
    model.requests.clear()
    assert bulk().exit_code == 1
    assert model.requests == []
    again = bulk("--retry-failed")
    assert sorted(request.image.decode() for request in model.requests) == ["03.png", "11.png"]
    assert again.exit_code == 1
    assert "19 images read, 1 failed" in again.stdout
    assert "; 2 of them now" in again.stdout
    model.respond = failing(server)
    assert bulk("--retry-failed").exit_code == 0
    assert images(folder / "out") == NAMES
    assert images(folder / "out", "failures") == []


def test_a_second_try_that_was_ended_goes_on(bulk, model, server, folder):
    bad = [NAMES[1], NAMES[5], NAMES[18]]
    model.respond = failing(server, *bad)
    bulk()

    def away_after_one(request):
        if request.image.decode() == bad[2]:
            raise Refused(server.status("unavailable"), "gone")
        return tensors_of(EMPTY)

    model.respond = away_after_one
    assert bulk("--retry-failed", "--patience", 0, "--timeout", 1, "--concurrency", 1).exit_code == 2
    # The first pass's output stands until the second is whole.
    assert images(folder / "out", "failures") == bad
    model.respond = failing(server)
    model.requests.clear()
    assert bulk("--retry-failed").exit_code == 0
    assert bad[0] not in [request.image.decode() for request in model.requests]
    assert images(folder / "out") == NAMES


def test_a_server_that_goes_away_fails_no_image_and_the_run_goes_on_later(bulk, model, server, folder):
    def gone_after_eight(request):
        if request.image.decode() >= "08.png":
            raise Refused(server.status("unavailable"), "shutting down")
        return tensors_of(EMPTY)

    model.respond = gone_after_eight
    run = bulk("--patience", 0, "--timeout", 1, "--concurrency", 1)
    assert run.exit_code == 2
    assert "shutting down" in run.stderr
    assert "run again to go on" in run.stderr
    assert not (folder / "out/results").exists()
    model.respond = failing(server)
    model.requests.clear()
    assert bulk().exit_code == 0
    # As a set: what the first run still had under way may have reached the server after `clear`.
    assert {request.image.decode() for request in model.requests} == set(NAMES[8:])
    assert images(folder / "out") == NAMES


@pytest.mark.full
@pytest.mark.parametrize("cause", ["unavailable", "missing"])
def test_a_server_that_comes_back_in_time_costs_nothing(bulk, model, server, folder, cause):
    model.fail_first(6, server.status(cause))
    assert bulk("--concurrency", 2).exit_code == 0
    assert images(folder / "out") == NAMES


def test_what_the_server_breaks_on_is_tried_three_times(bulk, model, server, folder):
    def respond(request):
        if request.image == b"07.png":
            raise Refused(server.status("internal"), "stub died")
        return tensors_of(EMPTY)

    model.respond = respond
    assert bulk().exit_code == 1
    assert [request.image for request in model.requests].count(b"07.png") == 3
    assert images(folder / "out", "failures") == ["07.png"]


def test_a_shard_is_chosen_by_option_or_by_the_job(bulk, folder):
    assert bulk("--shards", 4, "--shard", 1).exit_code == 0
    assert images(folder / "out") == NAMES[5:10]
    assert bulk("--shards", 4, env={"JOB_COMPLETION_INDEX": "3"}).exit_code == 0
    assert images(folder / "out") == NAMES[5:10] + NAMES[15:]
    # One process for the rest.
    assert "10 of them now" in bulk().stdout
    assert images(folder / "out") == NAMES


def test_a_new_image_is_not_seen_until_restart(bulk, folder):
    bulk()
    (folder / "pics/new.png").write_bytes(b"new")
    assert "0 of them now" in bulk().stdout
    assert bulk("--restart", "--shards", 2).exit_code == 0
    assert images(folder / "out") == [*NAMES, "new.png"]


def test_an_image_that_vanished_is_a_failure(bulk, folder, model):
    bulk("--shards", 2, "--shard", 0)
    (folder / "pics/19.png").unlink()
    assert bulk().exit_code == 1
    (failure,) = (json.loads(line) for line in (folder / "out/failures/part-00001-of-00002.jsonl").open())
    assert failure["error"] == "InvalidRequestError"
    assert "No such file" in failure["reason"]


def test_more_shards_than_images_leaves_some_empty(bulk, folder):
    assert bulk("--shards", 25).exit_code == 0
    assert images(folder / "out") == NAMES
    assert len(list((folder / "out/results").iterdir())) == 25


def test_a_list_may_name_an_image_twice_but_it_is_read_once(bulk, folder, model):
    (folder / "list.txt").write_text("pics/01.png\npics/00.png\npics/01.png\n")
    assert bulk(source="list.txt").exit_code == 0
    assert images(folder / "out") == ["pics/00.png", "pics/01.png"]
    (folder / "list.txt").write_text("pics/01.png\n")
    changed = bulk(source="list.txt")
    assert changed.exit_code == 2
    assert "the list of images has changed" in changed.stderr


def test_the_same_shard_twice_at_once_is_refused(bulk, folder, model):
    bulk("--shards", 2, "--shard", 0)
    model.requests.clear()
    with held_lock(folder / "out/.work/part-00001-of-00002.lock", "shard 1"):
        run = bulk()
    assert run.exit_code == 2
    assert "works on shard 1; wait for it" in run.stderr
    assert model.requests == []


def test_a_shard_of_a_job_waits_for_its_server(bulk, model, folder):
    model.ready = False
    threading.Timer(0.3, lambda: setattr(model, "ready", True)).start()
    assert bulk("--shard", 0).exit_code == 0
    assert len(model.questions) >= 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--shards", "0"], "0 is not in the range"),
        (["--shard", "1"], "--shard is 1; with --shards 1 it is at most 0"),
        (["--shard", "0", "--restart"], "--restart is for a run of all shards"),
        (["--format", "csv"], "csv"),
        (["--patience", "-1"], "-1"),
        (["--param", "shade=1"], "unknown parameter 'shade'"),
        (["--url", "ftp://host"], "ftp"),
    ],
)
def test_wrong_usage_is_2_before_any_request(bulk, model, arguments, text):
    run = bulk(*arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    assert text in run.stderr
    assert model.requests == []


def test_changed_options_are_refused_with_the_reason(bulk):
    bulk("--shards", 2)
    run = bulk("--shards", 3, "--param", "merge=word")
    assert run.exit_code == 2
    assert "shards was 2, now 3; parameters was {}, now {'merge': 'word'}" in " ".join(run.stderr.split())


def test_no_image_no_source_no_server_and_no_place_are_2(bulk, model, folder):
    (folder / "empty").mkdir()
    assert "no image in" in bulk(source="empty").stderr
    assert "missing is no folder" in bulk(source="missing").stderr
    (folder / "file").write_text("")
    assert "cannot make" in bulk(output="file").stderr
    model.ready = False
    run = bulk()
    assert run.exit_code == 2
    assert "no OCR server is ready" in run.stderr


def test_as_many_images_at_once_as_asked_for(bulk, model):
    together = threading.Event()

    def respond(request):
        if model.running == 3:
            together.set()
        together.wait(20)
        return tensors_of(EMPTY)

    model.respond = respond
    assert bulk("--concurrency", 3).exit_code == 0
    assert model.most_running == 3
