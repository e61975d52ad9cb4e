"""`ocdrnet read` against a stand-in server: what it prints, where, and how it ends."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from client_answers import EMPTY, TWO_LINES, tensors_of
from client_model import Refused
from PIL import Image

from ocdrnet_cli.main import main
from ocdrnet_client import Page


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of its own to work in, with two images."""
    monkeypatch.chdir(tmp_path)
    for name, width in (("a.jpg", 30), ("b.png", 40)):
        Image.new("RGB", (width, 20), "gray").save(name)
    return tmp_path


@pytest.fixture
def read(server, folder):
    def run(*arguments):
        return CliRunner().invoke(main, ["read", "--url", server.url, *map(str, arguments)])

    return run


def refuse(status, message):
    def respond(request):
        raise Refused(status, message)

    return respond


def two_lines(request):
    return tensors_of(TWO_LINES)


def test_json_is_one_object_a_line(read, model):
    model.respond = two_lines
    run = read("a.jpg", "b.png", "--format", "json")
    first, second = (json.loads(line) for line in run.stdout.splitlines())
    assert (first, second) == ({**TWO_LINES.to_dict(), "image": "a.jpg"}, {**TWO_LINES.to_dict(), "image": "b.png"})
    assert "你好" in run.stdout
    assert run.exit_code == 0


def test_text_of_one_image_stands_alone(read, model):
    model.respond = two_lines
    run = read("a.jpg")
    assert (run.exit_code, run.stdout) == (0, "Grüße 你好\n\n12.5\n")


def test_texts_of_several_have_headers(read, model):
    model.respond = two_lines
    run = read("a.jpg", "b.png")
    assert run.stdout == "== a.jpg ==\nGrüße 你好\n\n12.5\n== b.png ==\nGrüße 你好\n\n12.5\n"


def test_nothing_but_warnings_is_on_stderr(read, model):
    assert read("a.jpg", "b.png").stderr == ""
    model.respond = two_lines
    warnings = read("a.jpg", "b.png").stderr.splitlines()
    assert warnings == [f"Warning: {name}: {text}" for name in ("a.jpg", "b.png") for text in TWO_LINES.warnings]


def test_failures_are_named_and_lose_no_other(read, model, server):
    def respond(request):
        if request.image.startswith(b"\xff\xd8"):
            raise Refused(server.status("invalid"), "in ensemble 'ocdrnet', not a readable image")
        return tensors_of(EMPTY)

    model.respond = respond
    run = read("a.jpg", "missing.png", "b.png", "--format", "json")
    assert run.exit_code == 1
    assert [json.loads(line)["image"] for line in run.stdout.splitlines()] == ["b.png"]
    assert run.stderr.splitlines() == [
        "a.jpg: not a readable image",
        "missing.png: cannot read missing.png: No such file or directory",
    ]


def test_one_failure_is_enough_for_1(read, model, server):
    model.respond = refuse(server.status("internal"), "broken")
    run = read("a.jpg")
    assert (run.exit_code, run.stdout) == (1, "")
    assert run.stderr.startswith("a.jpg: the server at ")


def test_parameters_are_sent_with_their_types(read, model):
    read("a.jpg", "--param", "box_threshold=0.5", "--param", "max-candidates=7")
    assert model.requests[0].parameters == {"box_threshold": 0.5, "max_candidates": 7}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("shade=1", "unknown parameter 'shade'"),
        ("max_candidates=0", "max_candidates is '0'; it must be an integer from 1 to 10000"),
        ("box_threshold=", "box_threshold is ''; it must be a number"),
        ("box_threshold=high", "box_threshold is 'high'"),
        ("box_threshold=0.5=1", "box_threshold is '0.5=1'"),
        ("box_threshold", "'box_threshold' is not NAME=VALUE"),
    ],
)
def test_a_wrong_parameter_is_refused_before_any_request(read, model, given, text):
    run = read("a.jpg", "--param", given)
    assert (run.exit_code, run.stdout) == (2, "")
    assert text in run.stderr
    assert (model.requests, model.questions) == ([], [])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "xml"],
        ["--concurrency", "0"],
        ["--timeout", "0"],
        ["--timeout", "-1"],
        ["--timeout", "nan"],
        ["--nonsense"],
        ["--url", "ftp://host"],
        ["--url", "grpc://[::1"],
    ],
)
def test_wrong_usage_is_2(read, model, arguments):
    run = read("a.jpg", *arguments)
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr.count("Error: ") == 1
    assert model.requests == []


def test_no_image_is_wrong_usage(read, model, folder):
    (folder / "empty").mkdir()
    assert read().exit_code == 2
    run = read("empty", "*.gif")
    assert run.exit_code == 2
    assert "no image in empty, *.gif" in run.stderr
    assert model.questions == []


def test_an_argument_without_images_among_others_is_a_warning(read, folder):
    run = read("a.jpg", "*.gif")
    assert (run.exit_code, run.stderr) == (0, "Warning: no image in *.gif\n")


def test_no_server_is_2_with_advice(read, server, unused_port):
    url = f"{server.protocol}://127.0.0.1:{unused_port}"
    run = read("a.jpg", "--url", url)
    assert (run.exit_code, run.stdout) == (2, "")
    assert f"no OCR server is ready at {url}; start one with `ocdrnet serve`" in run.stderr


def test_a_server_that_is_not_ready_is_2(read, model):
    model.ready = False
    assert read("a.jpg").exit_code == 2
    assert model.requests == []


def test_a_server_that_refuses_to_say_is_2_with_its_reason(read, model, server):
    model.ready = Refused(server.status("forbidden"), "no token")
    run = read("a.jpg")
    assert run.exit_code == 2
    assert "no token" in run.stderr


def test_the_timeout_is_for_one_image(read, model):
    model.respond = model.stall
    run = read("a.jpg", "--timeout", "0.2")
    assert run.exit_code == 1
    assert "raise the timeout" in run.stderr


def test_an_infinite_timeout_is_allowed(read):
    assert read("a.jpg", "--timeout", "inf").exit_code == 0


def test_no_more_requests_at_once_than_asked_for(read, model):
    for index in range(6):
        Image.new("L", (8, 8)).save(f"{index}.png")
    read(".", "--concurrency", "1")
    assert (len(model.requests), model.most_running) == (8, 1)


def test_images_of_one_name_are_told_apart(read, folder):
    for name in ("x", "y"):
        (folder / name).mkdir()
        Image.new("L", (8, 8)).save(folder / name / "same.png")
    run = read("x", "y", "a.jpg", "--format", "json", "--overlay", "drawn")
    assert [json.loads(line)["image"] for line in run.stdout.splitlines()] == ["x/same.png", "y/same.png", "a.jpg"]
    assert sorted(path.name for path in (folder / "drawn").iterdir()) == [
        "a.overlay.jpg",
        "x_same.overlay.png",
        "y_same.overlay.png",
    ]


def test_overlays_never_overwrite_each_other(read, folder):
    for name in ("p.png", "p.webp", "P.bmp", "q.jpg", "q.jpeg", "q.png"):
        Image.new("RGB", (8, 8)).save(name)
    run = read("p.png", "p.webp", "P.bmp", "q.jpg", "q.jpeg", "q.png", "--overlay", "deep/drawn")
    assert run.exit_code == 0
    drawn = sorted(path.name for path in (folder / "deep" / "drawn").iterdir())
    assert drawn == [
        "P-3.overlay.png",
        "p-2.overlay.png",
        "p.overlay.png",
        "q-2.overlay.jpg",
        "q.overlay.jpg",
        "q.overlay.png",
    ]
    with Image.open(folder / "deep" / "drawn" / "q.overlay.jpg") as overlay:
        assert (overlay.format, overlay.size) == ("JPEG", (1280, 640))


def test_an_overlay_that_cannot_be_drawn_or_written_is_a_failure(read, folder):
    (folder / "odd.jpg").write_bytes(b"the server reads it, Pillow does not")
    (folder / "drawn").mkdir()
    (folder / "drawn" / "a.overlay.jpg").mkdir()
    run = read("odd.jpg", "a.jpg", "b.png", "--overlay", "drawn")
    assert run.exit_code == 1
    assert run.stdout.count("==") == 6
    odd, written = run.stderr.splitlines()
    assert odd.startswith("odd.jpg: cannot draw over odd.jpg")
    assert written.startswith("a.jpg: cannot write drawn/a.overlay.jpg: Is a directory")
    assert (folder / "drawn" / "b.overlay.png").is_file()


def test_missing_fonts_are_a_warning_told_once(read, model, monkeypatch):
    page = Page(30, 20, TWO_LINES.lines[:1])
    model.respond = lambda request: tensors_of(page)
    monkeypatch.setattr("ocdrnet_client.fonts.system_fonts", lambda text: [])
    run = read("a.jpg", "b.png", "--overlay", "drawn")
    assert run.exit_code == 0
    (warning,) = run.stderr.splitlines()
    assert warning.startswith("Warning: no installed font has ")


def test_help_names_every_parameter_and_exit_code(read):
    help_text = read("--help").stdout
    from ocdrnet_ops.options import OPTIONS

    for option in OPTIONS:
        assert f"{option.name}  {option.allowed}. " in help_text
    for flag in ("--url", "--format", "--overlay", "--param", "--concurrency", "--timeout", "Exit code: 0"):
        assert flag in help_text


def test_a_dash_reads_the_standard_input(server, folder, model):
    data = (folder / "a.jpg").read_bytes()
    arguments = ["read", "--url", server.url, "-", "b.png", "--format", "json", "--overlay", "out"]
    run = CliRunner().invoke(main, arguments, input=data)
    assert (run.exit_code, run.stderr) == (0, "")
    assert [json.loads(line)["image"] for line in run.stdout.splitlines()] == ["stdin", "b.png"]
    assert data in [request.image for request in model.requests]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["b.overlay.png", "stdin.overlay.jpg"]


def test_what_is_left_out_of_a_folder_is_a_warning(read, folder):
    (folder / "page.docx").touch()
    run = read(".")
    assert (run.exit_code, run.stderr) == (0, "Warning: left out: 1 files of other kinds (.docx)\n")


def test_a_folder_that_cannot_be_listed_is_a_failure(read, folder, monkeypatch):
    (folder / "closed").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    run = read(".")
    assert (run.exit_code, run.stderr) == (1, "./closed: cannot be listed: Permission denied\n")
    assert "== a.jpg ==" in run.stdout


class Gateway(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/v1/health/live" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("end", ["", "/"])
def test_the_url_of_a_gateway_is_told_from_no_server(folder, end):
    gateway = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    url = f"http://127.0.0.1:{gateway.server_port}"
    try:
        run = CliRunner().invoke(main, ["read", "--url", url + end, "a.jpg"])
    finally:
        gateway.shutdown()
        gateway.server_close()
    assert run.exit_code == 2
    assert "is a gateway, whose paths are others: give this command the OCR server behind it" in " ".join(
        run.stderr.split()
    )
    assert f"{url}/v1/read" in run.stderr
