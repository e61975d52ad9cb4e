"""The chart's pods, started as Kubernetes would: their user, a read-only root, their volumes, nothing else."""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chart_pod import ChartPod
from dockerfile_reading import CHECKOUT, stages

# A gigabyte is installed for it, as root, by way of the network.
pytestmark = pytest.mark.full

PICTURE = CHECKOUT / "samples/storefront.jpg"
LOAD = Path(__file__).with_name("steady_load.py")
TRITON = ("grpc", "127.0.0.1:8001")
TRITON_HTTP = ("http", "http://127.0.0.1:8000/v2/models/ocdrnet/infer")
GATEWAY = ("http", "http://127.0.0.1:9000/v1/read")


def spec_of(manifests, kind, name):
    manifest = manifests[kind, name]
    return manifest["spec"] if kind == "Pod" else manifest["spec"]["template"]["spec"]


def wait_healthy(pod, stage, timeout_s=180):
    """Asks as the image's HEALTHCHECK does."""
    (check,) = stages()[stage].of("HEALTHCHECK")
    end = time.monotonic() + timeout_s
    while True:
        try:
            return pod.run_inside(*check.json())
        except AssertionError:
            assert time.monotonic() < end, pod.container.output()
            time.sleep(1)


@pytest.fixture(scope="module")
def start_server(manifests, cpu_environment, tmp_path_factory):
    started = []

    def start():
        spec = spec_of(manifests, "Deployment", "demo-ocdrnet")
        pod = ChartPod(spec, "cpu", cpu_environment, tmp_path_factory.mktemp("server")).start()
        started.append(pod)
        wait_healthy(pod, "cpu")
        return pod

    yield start
    for pod in started:
        pod.container.kill()


@pytest.fixture(scope="module")
def server(start_server):
    return start_server()


@pytest.fixture(scope="module")
def gateway(server, manifests, gateway_environment, tmp_path_factory):
    spec = spec_of(manifests, "Deployment", "demo-ocdrnet-gateway")
    pod = ChartPod(spec, "gateway", gateway_environment, tmp_path_factory.mktemp("gateway"))
    pod.start(beside=server.container)
    wait_healthy(pod, "gateway")
    yield pod
    pod.container.kill()


class Load:
    """A steady stream of requests from inside a pod's network."""

    def __init__(self, pod, folder, way, workers):
        self._stop, self._result = folder / "stop", folder / f"{way[0]}.json"
        command = [*way, PICTURE, self._stop, self._result, workers]
        self._process = pod.container.enter_network(sys.executable, str(LOAD), *map(str, command))

    def fates(self):
        """What became of each request, once the last one has ended."""
        self._process.wait(180)
        return json.loads(self._result.read_text())


def end_under_load(pod, folder, *ways, workers):
    """The end of a pod: the preStop hook, the last new request, SIGTERM. Returns all fates, its instant, the exit code.

    Requests keep coming during the hook, since routers take a while to hear of the end, and stop just before SIGTERM.
    There are more than one batch holds, so that some are always under way.
    """
    loads = [Load(pod, folder, way, workers) for way in ways]
    time.sleep(6)
    hook = pod.spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    pod.run_inside(*hook)
    (folder / "stop").touch()
    # A request that was started before the file appeared has reached the server by then, on a busy machine too.
    time.sleep(0.5)
    signalled = time.monotonic()
    pod.container.terminate()
    fates = [fate for load in loads for fate in load.fates()]
    code = pod.container.wait(pod.spec["terminationGracePeriodSeconds"])
    return fates, signalled, code


def in_flight(fates, instant):
    return sum(fate["sent"] < instant < fate["ended"] for fate in fates)


def report(what, fates, instant):
    answered = sum(not fate["error"] for fate in fates)
    print(f"{what}: sent {len(fates)}, answered {answered}, under way at SIGTERM {in_flight(fates, instant)}")


@pytest.mark.parametrize("which", ["server", "gateway"])
def test_process_has_no_rights(request, which):
    container = request.getfixturevalue(which).container
    assert set(container.read_status("Uid").split()) == {"10001"}
    assert set(container.read_status("Gid").split()) == {"10001"}
    assert container.read_status("Groups") == ""
    assert {int(container.read_status(name), 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert container.read_status("NoNewPrivs") == "1"


@pytest.mark.parametrize(
    ("which", "writable"),
    [("server", {"/tmp", "/dev/shm"}), ("gateway", {"/tmp", "/data"})],
)
def test_only_volumes_can_be_written(request, which, writable):
    pod = request.getfixturevalue(which)
    script = 'for folder in "$@"; do touch "$folder/touched" 2>/dev/null && echo "$folder"; done; true'
    folders = ["/", "/opt", "/opt/ocdrnet", "/opt/ocdrnet/bin", "/etc", "/usr", "/repository", *sorted(writable)]
    assert set(pod.run_inside("sh", "-c", script, "sh", *folders).split()) == writable


def test_server_reads_the_picture_of_helm_test(server, manifests, cpu_environment, tmp_path):
    data = manifests["ConfigMap", "demo-ocdrnet-test-picture"]["binaryData"]
    files = {name: base64.b64decode(value) for name, value in data.items()}
    spec = spec_of(manifests, "Pod", "demo-ocdrnet-test-read")
    pod = ChartPod(spec, "cpu", cpu_environment, tmp_path, {"demo-ocdrnet-test-picture": files})
    assert "harbour" in pod.run_beside(server).lower()


def test_chart_finds_its_tools(server):
    """Those of bulk jobs, load tests and the copy out of an image with networks."""
    script = 'for tool in ocdrnet locust python3 cp grep sleep; do command -v "$tool"; done; ocdrnet bulk --help'
    found = server.run_inside("sh", "-euc", script)
    assert "/opt/ocdrnet/bin/locust" in found
    assert "--shards" in found
    code = 'import importlib.util as u; print(u.find_spec("ocdrnet_loadtest.locustfile").origin)'
    assert server.run_inside("python3", "-c", code).strip().endswith("locustfile.py")


def test_gateway_loses_no_request_at_sigterm(gateway, tmp_path):
    fates, signalled, code = end_under_load(gateway, tmp_path, GATEWAY, workers=12)
    report("gateway", fates, signalled)
    assert [fate["error"] for fate in fates if fate["error"]] == []
    assert in_flight(fates, signalled) >= 4
    assert code == 0, gateway.container.output()


def test_server_loses_no_request_at_sigterm(start_server, tmp_path):
    pod = start_server()
    fates, signalled, code = end_under_load(pod, tmp_path, TRITON, TRITON_HTTP, workers=12)
    report("Triton", fates, signalled)
    assert [fate["error"] for fate in fates if fate["error"]] == []
    assert in_flight(fates, signalled) >= 4
    assert code == 0, pod.container.output()


def test_load_notices_a_lost_request(tmp_path):
    """The count is no formality: a server that is gone shows in it."""
    result = tmp_path / "result.json"
    arguments = ["http", "http://127.0.0.1:9/", PICTURE, tmp_path / "stop", result, 1]
    subprocess.run([sys.executable, LOAD, *map(str, arguments)], check=True, timeout=60)
    (fate,) = json.loads(result.read_text())
    assert "URLError" in fate["error"]
