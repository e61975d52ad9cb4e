"""Every case of `shared/cases/serving`, run as its README says; skipped where the folder is not there.

It is no part of the project. Alone: `pytest tests/integration/test_shared_serving_cases.py`. Scripts run in a copy.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from sample_truth import SAMPLES

from ocdrnet_client import Client

CHECKOUT = Path(__file__).parents[2]
CASES = Path(os.environ.get("OCDRNET_EVAL", CHECKOUT.parent / "shared" / "eval")).parent / "cases"
SERVING = CASES / "serving"
BIN = Path(sys.executable).parent
MIB = 1 << 20
TEXT = ["Invoice 20417 of 3 March", "Total due 1,284.50 EUR", "Please pay within 30 days", "Reference KX-7731-B"]
# Modules that moved since the cases were written.
MOVED = {
    "ocdrnet_ops.decode": "ocdrnet_ops.image.decode",
    "ocdrnet_gateway.hosted.rendering": "ocdrnet_gateway.api.hosted.rendering",
    "ocdrnet_gateway.picture_check": "ocdrnet_gateway.core.reading",
    "check_picture": "check_image",
}
# Before a script that signals a process which may have ended.
GOES_ON = """
import os
send = os.kill
def kill(process, number):
    try: send(process, number)
    except ProcessLookupError: pass
os.kill = kill
"""
NO_MOUNTS = "" if os.geteuid() == 0 else "mounts want root"

pytestmark = [
    pytest.mark.images,
    pytest.mark.full,
    pytest.mark.triton,
    pytest.mark.skipif(not SERVING.is_dir(), reason=f"no shared cases: {SERVING} is not there"),
]
as_root = pytest.mark.skipif(bool(NO_MOUNTS), reason=NO_MOUNTS)


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """A copy that may be written into."""
    folder = tmp_path_factory.mktemp("cases")
    shutil.copytree(SERVING, folder / "serving")
    shutil.copy(CASES / "ref.jpg", folder)
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    script = folder / "serving/drawn_picture_differs/render_all.py"
    for old, new in MOVED.items():
        script.write_text(script.read_text().replace(old, new))
    return folder / "serving"


def run(command, cwd, timeout_s=300, **variables):
    """Everything that a command prints, in one text, and its exit code."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"} | variables
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout_s,
        check=False,
    )
    print(done.stdout)
    return done.stdout, done.returncode


def run_until_ready(command, cwd):
    """As `run`, for a server: one that is ready is ended as a supervisor ends it."""
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    said = ""
    try:
        for line in process.stdout:
            said += line
            if re.search(r"Ready after|http://127\.0\.0\.1:\d+", line):
                process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    finally:
        process.kill()
    print(said)
    return said, code


@contextmanager
def started(command, ready, log, **variables):
    """A server's process, from the line that says that it is ready; that line's match."""
    environment = os.environ | {key: str(value) for key, value in variables.items()}
    with log.open("wb") as stream:
        process = subprocess.Popen(list(map(str, command)), stdout=stream, stderr=subprocess.STDOUT, env=environment)
    try:
        end = time.monotonic() + 300
        while not (found := re.search(ready, log.read_text(errors="replace"))):
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < end, log.read_text(errors="replace")
            time.sleep(0.1)
        yield process, found
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()


@contextmanager
def gateway(triton, folder, **settings):
    """The process and the URL of a gateway."""
    settings = {"STORE": folder / "store", "LOG_LEVEL": "warning", **settings}
    variables = {f"OCDRNET_GATEWAY_{key}": value for key, value in settings.items()}
    command = [BIN / "ocdrnet", "gateway", "--port", "0", f"--triton={triton}"]
    with started(command, r"http://127\.0\.0\.1:\d+", folder / "gateway.log", **variables) as (process, found):
        yield process, found[0]


@contextmanager
def serve(repository, folder, **variables):
    """The process of `ocdrnet serve`, its gRPC and its HTTP URL."""
    ports = [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
    ready = r"Ready after[^\0]*gRPC +(\S+)[^\0]*HTTP +(\S+)[^\0]*Try it"
    command = [BIN / "ocdrnet", "serve", "--repository", repository, "--restarts", "9", *ports]
    with started(command, ready, folder / "serve.log", **variables) as (process, found):
        yield process, found[1], found[2]


def lines_of(client, path):
    return [line.text for line in client.read(path).lines]


def until(is_true, limit_s=120):
    end = time.monotonic() + limit_s
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_no_case_is_left_out():
    source = Path(__file__).read_text()
    missing = [case.name for case in SERVING.iterdir() if case.is_dir() and f"def test_{case.name}(" not in source]
    assert missing == []


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_async_client_second_loop(cases, kind):
    said, _ = run([sys.executable, "two_loops.py", kind], cases / "async_client_second_loop")
    outcomes = re.findall(r"-> (.*)", said)
    assert len(outcomes) == 6
    assert all(outcome in ("made", "True", "None") or outcome.startswith("ocdrnet_client") for outcome in outcomes)


@as_root
@pytest.mark.program("unshare")
def test_bulk_disk_full(cases, served):
    command = ["unshare", "-m", "bash", "run.sh", served.addresses.grpc_url, cases.parent / "ref.jpg"]
    said, _ = run(command, cases / "bulk_disk_full")
    assert "Traceback" not in said
    assert re.search(r"cannot write .*No space left on device", said)
    assert re.findall(r"exit code (\d)", said) == ["2", "0"]


@pytest.mark.parametrize("kind", ["http", "grpc"])
@pytest.mark.parametrize("use", [(), ("use_in_parent",)])
def test_client_after_fork(cases, kind, use):
    said, _ = run([sys.executable, "fork_client.py", kind, *use], cases / "client_after_fork")
    assert "child: True after" in said
    assert "child ended with 0" in said


def test_client_after_fork_of_a_real_server(cases, served):
    said, _ = run([sys.executable, "fork_real.py", served.addresses.http_url], cases / "client_after_fork")
    assert "parent 4" in said
    assert f"children {[(n, 4) for n in range(6)]}" in said
    assert "parent again 4" in said


def test_drawn_picture_differs(cases, served, tmp_path):
    """The script prints whatever differs."""
    said, code = run(
        [sys.executable, "render_all.py", cases / "drawn_picture_differs"], cases / "drawn_picture_differs"
    )
    assert (said, code) == ("", 0)
    pictures = [path for path in (cases / "drawn_picture_differs").iterdir() if path.suffix in (".png", ".tif")]
    command = [BIN / "ocdrnet", "read", *pictures, "--url", served.addresses.grpc_url, "--overlay", tmp_path / "out"]
    _, code = run(command, tmp_path)
    assert (code, len(list((tmp_path / "out").iterdir()))) == (0, len(pictures))


def test_fax_204x98(cases, served):
    said, _ = run([sys.executable, "fax.py", served.addresses.grpc_url], cases / "fax_204x98")
    lost = [float(share) for share in re.findall(r"as it comes ([\d.]+)%", said)]
    assert len(lost) == 4
    assert max(lost) < 1


@as_root
@pytest.mark.program("setpriv")
def test_folder_left_out_silently(served, tmp_path):
    folder = tmp_path / "d"
    (folder / "closed").mkdir(parents=True)
    for place in (folder, folder / "closed"):
        shutil.copy(SAMPLES / "storefront.jpg", place)
    (folder / "letter.jp2").write_bytes(b"\0\0\0\x0cjP  ")
    (tmp_path / "linked").mkdir()
    (folder / "linked").symlink_to(tmp_path / "linked")
    for path in (tmp_path, *tmp_path.parents):
        if path.owner() == "root" and str(path).startswith("/tmp/pytest"):
            path.chmod(0o755)
    (folder / "closed").chmod(0)
    # Without the right to read what is closed, as any user but root is.
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", BIN / "ocdrnet", "read"]
    said, code = run([*command, folder, "--url", served.addresses.grpc_url], tmp_path)
    assert code == 1
    assert "closed" in said
    assert re.search(r"left out: 1 files of other kinds", said)
    assert "linked" in said


def test_gateway_idle_connections(cases, served, tmp_path):
    limited = f"ulimit -Sn 1024; exec {BIN}/ocdrnet gateway --port 0 --triton={served.addresses.grpc_url}"
    store = {"OCDRNET_GATEWAY_STORE": tmp_path / "store"}
    log = tmp_path / "gateway.log"
    with started(["bash", "-c", limited], r"http://(127\.0\.0\.1):(\d+)", log, **store) as (_, found):
        said, _ = run([sys.executable, "idle.py", found[1], found[2], 1200, 8], cases / "gateway_idle_connections")
    assert re.findall(r"health (\d+)", said) == ["200", "200"]
    assert int(re.search(r"closed by the server meanwhile: (\d+)", said)[1]) > 1000
    assert log.stat().st_size < 100_000
    assert "Traceback" not in log.read_text()


def test_gateway_oom_by_small_png(cases, served, tmp_path):
    """The gateway's memory is what the chart's container of 2 GiB leaves; what it takes is looked up, not limited."""
    with gateway(served.addresses.grpc_url, tmp_path, MEMORY_BYTES=1728 * MIB) as (process, url):
        said, _ = run(["bash", "two_at_once.sh", url], cases / "gateway_oom_by_small_png")
        peak = int(re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024
    # 202: the other one took so long that its caller is told to ask again, as the hosted endpoint does.
    assert sorted(re.findall(r"request \d: (\d+)", said)) in (["302", "302"], ["202", "302"])
    assert "health afterwards: 200" in said
    assert peak < 2048 * MIB


def test_hosted_store_fills(cases, served, tmp_path):
    with gateway(served.addresses.grpc_url, tmp_path, STORE_MAX_BYTES=3_000_000) as (_, url):
        said, _ = run([sys.executable, "fill.py", url, cases.parent / "ref.jpg", 30], cases / "hosted_store_fills")
    assert "29 answers" in said
    assert "507" not in said


@pytest.mark.parametrize("name", ["jpeg_no_eoi.jpg", "jpeg_no_eoi_trailing_zeros.jpg"])
def test_jpeg_without_end_marker(cases, client, name):
    assert lines_of(client, cases / "jpeg_without_end_marker" / name) == TEXT


def test_nim_batch_deadline(cases, served, tmp_path):
    """The deadline is such that sixteen pages take longer than one image may."""
    script = cases / "nim_batch_deadline" / "nim_batch.py"
    with gateway(served.addresses.grpc_url, tmp_path, DEADLINE_S=20) as (_, url):
        script.write_text(script.read_text().replace("http://127.0.0.1:29000", url))
        said, _ = run([sys.executable, script, 16, SAMPLES / "page.png"], tmp_path)
    assert said.startswith("200 16 ")


@pytest.mark.program("setpriv")
@as_root
@pytest.mark.parametrize("home", [(), ("HOME=/",)])
@pytest.mark.parametrize(
    "command", ["serve --http-port=0 --grpc-port=0 --metrics-port=0", "gateway --port=0", "models list"]
)
def test_no_home(command, home, served, tmp_path):
    """A user that no file knows; it may read what root may, where Python itself lies, and write as any other."""
    other = ["setpriv", "--reuid=12345", "--clear-groups"]
    other += [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]
    alone = ["env", "-i", f"PATH={BIN}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE=1", *home]
    repository = ["--repository", served.repository] if command.startswith("serve") else []
    said, exit_code = run_until_ready([*other, *alone, "ocdrnet", *command.split(), *repository], tmp_path)
    assert "Traceback" not in said
    assert exit_code == 0 or (exit_code == 2 and "Error" in said)


def test_path_with_space(served, tmp_path):
    repository = tmp_path / 'it\'s my "repo"'
    shutil.copytree(served.repository, repository)
    with serve(repository, tmp_path) as (_, grpc, _), Client(grpc) as client:
        assert client.read(SAMPLES / "storefront.jpg").lines


def test_pictures_silently_empty(cases, client):
    found = {path.name: lines_of(client, path) for path in (cases / "pictures_silently_empty").glob("*.[!R]*")}
    assert len(found) == 8
    assert {name: lines for name, lines in found.items() if lines != TEXT} == {}


@as_root
@pytest.mark.program("unshare")
@pytest.mark.parametrize(("size", "said_of_it"), [("16m", "needs 64"), ("64m", "large photos need")])
def test_shm_too_small(cases, served, size, said_of_it):
    script = cases / "shm_too_small" / "shm_serve.sh"
    script.write_text(re.sub(r"exec \S+", f"exec {BIN}/ocdrnet", script.read_text()))
    ports = [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
    said, code = run_until_ready(
        ["unshare", "-m", "bash", script, size, "--repository", served.repository, *ports], CHECKOUT
    )
    assert re.search(f"/dev/shm has .*{said_of_it}", said)
    assert "--shm-size" in said
    assert (code == 2, "Ready" in said) == (size == "16m", size != "16m")


def test_small_crops_blown_up(cases, served):
    said, _ = run(
        [sys.executable, "crops.py", served.addresses.grpc_url], cases / "small_crops_blown_up", timeout_s=900
    )
    for row in said.splitlines():
        default, _, twice = re.findall(r"(\d+)/16 (\d+) ms", row)[:3]
        assert int(default[0]) >= 15, row
        assert int(default[1]) < 3 * int(twice[1]) + 20, row  # seen: five to ten times


def test_stalled_step_leaks_answer(cases, served, tmp_path):
    """The step is ended where it stood still; the script goes on when its process is gone."""
    script = cases / "stalled_step_leaks_answer" / "stall.py"
    script.write_text(GOES_ON + script.read_text().replace("../shared/eval", str(CASES.parent / "eval")))
    with serve(served.repository, tmp_path) as (process, grpc, _):
        (tmp_path / "pid").write_text(str(process.pid))
        command = [sys.executable, script, grpc.rpartition(":")[2], "ocdnet", 1.2, tmp_path / "pid", 1]
        said, _ = run(command, CHECKOUT)
        answers = re.findall(r"request \d with B answered (.*) after", said)
        assert len(answers) == 3
        assert all(answer == "['B']" or answer.startswith("error") for answer in answers)
        with Client(grpc, timeout=120) as client:
            until(client.is_ready)
            assert client.read(SAMPLES / "storefront.jpg").lines


def test_stub_dies_health_stays_green(served, tmp_path):
    log = tmp_path / "up.log"
    command = [BIN / "ocdrnet", "up", "--port=0", "--no-browser", "--repository", served.repository]
    store = {"OCDRNET_GATEWAY_STORE": tmp_path / "store"}
    with started(command, r"http://127\.0\.0\.1:\d+", log, **store) as (process, found):

        def ready():
            return httpx.get(f"{found[0]}/v1/health/ready", trust_env=False, timeout=10).status_code

        until(lambda: ready() == 200)
        for child in psutil.Process(process.pid).children(recursive=True):
            if "/text_crop/1/model.py" in " ".join(child.cmdline()):
                child.kill()
        until(lambda: ready() != 200, limit_s=10)
        until(lambda: ready() == 200)
        assert "text_crop" in log.read_text()
        picture = (SAMPLES / "storefront.jpg").read_bytes()
        assert httpx.post(f"{found[0]}/v1/read", content=picture, trust_env=False, timeout=60).status_code == 200


@pytest.mark.program("strace")
def test_telemetry_to_google(served, tmp_path):
    """A server of its own home: it asks no resolver, and leaves no id of OpenVINO's behind."""
    home, trace = tmp_path / "home", tmp_path / "trace"
    home.mkdir()
    command = ["strace", "-f", "-qq", "-o", trace, "-e", "trace=sendmmsg,connect", "-e", "signal=none"]
    command += [BIN / "ocdrnet", "serve", "--repository", served.repository]
    command += [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
    with started(command, "Try it", tmp_path / "serve.log", HOME=home, OCDRNET_CACHE=tmp_path / "cache") as (
        process,
        _,
    ):
        for child in psutil.Process(process.pid).children():
            child.terminate()  # strace itself passes no signal on
    assert not (home / "intel").exists()
    calls = trace.read_text(errors="replace")
    assert "127.0.0.1" in calls, "strace saw nothing"
    assert "google" not in calls
    assert "htons(53)" not in calls


def test_triton_dies_of_one_shape(cases, served, tmp_path):
    """Triton before 2.59 does die of its HTTP port, which is loopback's alone: gRPC refuses, and serve comes back."""
    body = '{"inputs":[{"name":"IMAGE","shape":[1000000000000],"datatype":"UINT8","data":[1]}]}'
    with serve(served.repository, tmp_path) as (process, grpc, http), Client(grpc, timeout=120) as client:
        assert http.startswith("http://127.0.0.1:")
        url = f"{http}/v2/models/ocdrnet/infer"
        for command in (["curl", "-s", "-d", body, url], ["bash", "nested.sh", url]):
            run(command, cases / "triton_dies_of_one_shape")
            until(client.is_ready)
            assert lines_of(client, SAMPLES / "storefront.jpg")
        assert process.poll() is None
