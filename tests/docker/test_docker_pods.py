"""The images, run as the chart's pods by podman: their user, a read-only root, their volumes, nothing else.

Three ways to install: a trial on the CPU, one node with one GPU (stand-ins: NGC, TensorRT, the GPU, and networks that
read drawn plates), and the gateway alone.
"""

import base64
import json
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import onnx
import pypdfium2
import pytest
from container_images import CHECKOUT, podman
from dockerfile_reading import stages
from drawn_documents import LINES, pdf, scan
from pod_cluster import Cluster, rendered
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_detector import detector_twin
from twin_image import draw_image, png
from twin_recognizer import recognizer_twin
from twin_text import TEXTS

from ocdrnet_deploy.catalog.catalog import find_by_name

# A gigabyte is installed for it, as root, by way of the network.
pytestmark = pytest.mark.full

PICTURE = CHECKOUT / "samples/storefront.jpg"
LOAD = Path(__file__).with_name("steady_load.py")
NGC = Path(__file__).parent / "stand_ins/ngc.py"
TRITON = ("grpc", "127.0.0.1:8001")
TRITON_HTTP = ("http", "http://127.0.0.1:8000/v2/models/ocdrnet/infer")
HOME = "http://127.0.0.1:9000"
GATEWAY = ("http", f"{HOME}/v1/read")
S3 = "http://127.0.0.1:5000"
OCDRNET = Path(sys.executable).with_name("ocdrnet")
CALLER = CHECKOUT / "tests/integration/hosted_clients/ocdrnet_requests.py"
# Soon over, where what is waited for is the rest of a cluster; and the cores of a small machine.
SHORT = {
    "server": {"preStopSeconds": 1, "resources": {"limits": {"cpu": "2", "memory": "6Gi"}}},
    "gateway": {"enabled": True, "allowAnonymous": True, "preStopSeconds": 1},
}
PLAN_CHANGES = [
    "ocdnet: instance_group KIND_GPU is KIND_CPU",
    "ocdrnet: max_inflight_requests is left out",
    "ocr: max_inflight_requests is left out",
    "ocrnet: instance_group KIND_GPU is KIND_CPU",
    "--http-max-input-size=67108864 is left out",
]
LARGEST = {"cpu": 1.0e9, "gateway": 0.45e9}  # bytes, uncompressed


def started(cluster, kind, name, **more):
    pod = cluster.start(kind, name, **more)
    pod.wait_ready()
    return pod


@pytest.fixture(scope="module")
def on_cpu(built, tmp_path_factory):
    """ci/cpu-demo with a gateway: Triton's pod, the gateway's pod."""
    for target in ("cpu", "gateway"):
        built(target)
    with Cluster(tmp_path_factory.mktemp("cpu"), rendered("cpu-demo", **SHORT)) as cluster:
        cluster.server = started(cluster, "Deployment", "demo-ocdrnet")
        cluster.gateway = started(cluster, "Deployment", "demo-ocdrnet-gateway")
        yield cluster


def read(cluster, path, *, words=()):
    """An image's text, by the gateway."""
    command = [
        "curl",
        "--silent",
        "--fail-with-body",
        "--noproxy",
        "*",
        "--data-binary",
        f"@{path}",
        *words,
        GATEWAY[1],
    ]
    return json.loads(cluster.run(*command, "--header", "Content-Type: image/jpeg"))


@pytest.mark.parametrize("target", ["cpu", "gateway", "tools"])
def test_sizes_and_what_is_in_them(built, images, target):
    name = built(target)
    size = images.size(name)
    print(f"{target}: {size / 1e9:.3f} GB, of them {images.size(images.PYTHON_BASE) / 1e9:.3f} GB of the stand-in base")
    assert size <= LARGEST.get(target, size)
    code = "import importlib.util as u; print([n for n in ('pytest', 'locust', 'uv', 's3fs') if u.find_spec(n)])"
    found = podman("run", "--rm", "--network=host", name, "python3", "-c", code)
    assert found == ("['pytest', 'locust', 's3fs']" if target == "tools" else "[]")


@pytest.mark.parametrize("target", ["cpu", "gateway", "tools"])
def test_every_package_is_installed_at_its_top(built, target):
    """A package that lies deeper in the checkout must not lie deeper in the image."""
    code = "import importlib.metadata as m; print(*(f for f in m.files('ocdrnet') if f.name == 'py.typed'))"
    found = podman("run", "--rm", "--network=host", built(target), "python3", "-c", code)
    folders = ("python_backend", "client", "deploy", "gateway")
    assert {path.partition("/")[0] for path in found.split()} == {
        path.parent.name for each in folders for path in (CHECKOUT / each).rglob("py.typed")
    }


@pytest.mark.parametrize("which", ["server", "gateway"])
def test_process_has_no_rights(on_cpu, which):
    pod = getattr(on_cpu, which)
    assert set(pod.status("Uid").split()) == {"10001"}
    assert set(pod.status("Gid").split()) == {"10001"}
    assert {int(pod.status(name), 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert pod.status("NoNewPrivs") == "1"


@pytest.mark.parametrize(
    ("which", "writable"),
    [("server", {"/tmp", "/dev/shm"}), ("gateway", {"/tmp", "/data"})],
)
def test_only_volumes_can_be_written(on_cpu, which, writable):
    script = 'for folder in "$@"; do touch "$folder/touched" 2>/dev/null && echo "$folder"; done; true'
    folders = ["/", "/opt", "/opt/ocdrnet", "/opt/ocdrnet/bin", "/etc", "/usr", "/repository", *sorted(writable)]
    assert set(getattr(on_cpu, which).run_inside("sh", "-c", script, "sh", *folders).split()) == writable


def test_shared_memory_is_for_the_python_processes_that_run(on_cpu):
    (volume,) = [each for each in on_cpu.server.spec["volumes"] if each["name"] == "shared-memory"]
    size = on_cpu.server.run_inside("df", "--output=size", "--block-size=1M", "/dev/shm").split()[-1]
    assert f"{size}Mi" == volume["emptyDir"]["sizeLimit"]
    assert stubs(on_cpu.server) * 320 == int(size)


def stubs(pod):
    """How many processes of Python models a pod has."""
    script = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c 'triton_python_backend_stub$'"
    return int(pod.run_inside("sh", "-c", script))


@pytest.mark.parametrize(("which", "target"), [("server", "cpu"), ("gateway", "gateway")])
def test_health_check_of_the_image_is_met(on_cpu, which, target):
    (check,) = stages()[target].of("HEALTHCHECK")
    getattr(on_cpu, which).run_inside(*check.json())
    assert getattr(on_cpu, which).probe("liveness")


def test_an_image_goes_through_the_gateways_pod_into_tritons(on_cpu):
    answer = read(on_cpu, PICTURE)
    assert len(answer["lines"]) >= 28
    assert "HARBOUR" in json.dumps(answer).upper()


def test_a_pdf_goes_through_the_gateways_pod_and_comes_back_searchable(on_cpu, tmp_path):
    """Its process that draws runs without rights, on a root that cannot be written."""
    source, written = tmp_path / "scan.pdf", tmp_path / "searchable.pdf"
    source.write_bytes(pdf(scan, scan))
    command = ["curl", "--silent", "--fail-with-body", "--noproxy", "*", "--data-binary", f"@{source}"]
    document = json.loads(on_cpu.run(*command, GATEWAY[1]))
    assert [page["page"] for page in document["pages"]] == [1, 2]
    on_cpu.run(*command, "--output", str(written), f"{GATEWAY[1]}?output=pdf")
    for page in pypdfium2.PdfDocument(written):
        found = page.get_textpage().get_text_bounded().split()
        assert sum(word in found for line in LINES for word in line.split()) >= 0.95 * len(" ".join(LINES).split())


def test_helm_test_passes(on_cpu):
    pod = on_cpu.start("Pod", "demo-ocdrnet-test-read")
    assert pod.wait() == 0, pod.log()
    assert "harbour" in pod.log().lower()


def test_bulk_and_load_test_run_in_the_tools_image(on_cpu, built, tmp_path):
    """The commands of the chart's jobs, with images from a folder."""
    built("tools")
    objects = rendered(
        "cpu-demo",
        **SHORT,
        bulk={"enabled": True, "source": "/data/in", "output": "/data/out", "shards": 1, "existingClaim": "pictures"},
        loadtest={"enabled": True, "users": 1, "runTime": "5s", "workers": 1},
    )
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "pictures"}}
    for each in [*objects, claim]:
        on_cpu.add(each)
    folder = on_cpu.claim("pictures", 10001)
    (folder / "in").mkdir()
    (folder / "in/storefront.jpg").write_bytes(PICTURE.read_bytes())
    (name,) = [name for name in on_cpu.names("Job") if "-bulk-" in name]
    bulk = on_cpu.start("Job", name)
    assert bulk.wait() == 0, bulk.log()
    assert any("HARBOUR" in path.read_text().upper() for path in (folder / "out").rglob("*.jsonl")), bulk.log()
    (name,) = [name for name in on_cpu.names("Job") if "-loadtest-" in name]
    worker = on_cpu.start("Deployment", "demo-ocdrnet-loadtest-worker")
    master = on_cpu.start("Job", name)
    assert master.wait() == 0, master.log() + worker.log()
    assert "Aggregated" in master.log()


class Load:
    """A steady stream of requests from the cluster's network."""

    def __init__(self, cluster, folder, way, workers):
        self._stop, self._result = folder / "stop", folder / f"{way[0]}.json"
        self._process = cluster.spawn(sys.executable, LOAD, *way, PICTURE, self._stop, self._result, workers)

    def fates(self):
        """What became of each request, once the last one has ended."""
        self._process.wait(180)
        return json.loads(self._result.read_text())


def end_under_load(pod, folder, *ways, workers):
    """The end of a pod: the preStop hook, the last new request, SIGTERM. Returns all fates, its instant, the exit code.

    Requests keep coming during the hook, since routers take a while to hear of the end, and stop just before SIGTERM.
    There are more than one batch holds, so that some are always under way.
    """
    loads = [Load(pod.cluster, folder, way, workers) for way in ways]
    time.sleep(6)
    hook = pod.spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    pod.run_inside(*hook)
    (folder / "stop").touch()
    # A request that was started before the file appeared has reached the server by then, on a busy machine too.
    time.sleep(0.5)
    signalled = time.monotonic()
    pod.terminate()
    fates = [fate for load in loads for fate in load.fates()]
    return fates, signalled, pod.wait(pod.spec["terminationGracePeriodSeconds"])


def in_flight(fates, instant):
    return sum(fate["sent"] < instant < fate["ended"] for fate in fates)


def report(what, fates, instant):
    answered = sum(not fate["error"] for fate in fates)
    print(f"{what}: sent {len(fates)}, answered {answered}, under way at SIGTERM {in_flight(fates, instant)}")


def test_gateway_loses_no_request_at_sigterm(on_cpu, tmp_path):
    pod = on_cpu.gateway
    fates, signalled, code = end_under_load(pod, tmp_path, GATEWAY, workers=12)
    report("gateway", fates, signalled)
    assert [fate["error"] for fate in fates if fate["error"]] == []
    assert in_flight(fates, signalled) >= 4
    assert code == 0, pod.log()


def test_gateway_alone_serves_a_triton_elsewhere(on_cpu, tmp_path):
    """ci/gateway-only: keys from a Secret, what pods share in S3; the caller is the one of docs/hosted-endpoint.md."""
    on_cpu.gateway.remove()
    command = [OCDRNET, "keys", "create", "caller", "--file", tmp_path / "keys.json"]
    key = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    storage = {
        "OCDRNET_GATEWAY_SECRET": "s" * 32,
        "OCDRNET_GATEWAY_STORE_ENDPOINT": S3,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    on_cpu.add(
        *rendered("gateway-only", gateway={"tritonUrl": f"grpc://{TRITON[1]}", "settings": {"PUBLIC_URL": HOME}}),
        secret("gateway-keys", {"keys.json": (tmp_path / "keys.json").read_text()}),
        secret("gateway-environment", storage),
    )
    with serving_s3(on_cpu):
        pod = started(on_cpu, "Deployment", "demo-ocdrnet-gateway", instance="-only")
        with pytest.raises(AssertionError, match="401"):
            read(on_cpu, PICTURE)
        assert len(read(on_cpu, PICTURE, words=("--header", f"Authorization: Bearer {key}"))["lines"]) >= 28
        where = {"AI_HOST": HOME, "NVCF_HOST": HOME, "API_KEY": key, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        caller = ["env", *(f"{name}={value}" for name, value in where.items()), sys.executable, CALLER]
        on_cpu.run(*caller, PICTURE, tmp_path / "answer.zip")
        assert any(name.endswith(".response") for name in zipfile.ZipFile(tmp_path / "answer.zip").namelist())
        pod.remove()


def secret(name, files):
    return {"kind": "Secret", "metadata": {"name": name}, "stringData": files}


@contextmanager
def serving_s3(cluster):
    """An S3 in the cluster's network, with the bucket of ci/gateway-only."""
    process = cluster.spawn(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", S3.rpartition(":")[2])
    try:
        made = ["curl", "--silent", "--fail", "--noproxy", "*", "--retry", "60", "--retry-connrefused", "--retry-delay"]
        cluster.run(*made, "1", "--request", "PUT", f"{S3}/ocr-assets")
        yield
    finally:
        process.kill()
        process.wait()


def test_server_loses_no_request_at_sigterm(on_cpu, tmp_path):
    """The last of this cluster's tests: its Triton is gone then."""
    pod = on_cpu.server
    fates, signalled, code = end_under_load(pod, tmp_path, TRITON, TRITON_HTTP, workers=12)
    report("Triton", fates, signalled)
    assert [fate["error"] for fate in fates if fate["error"]] == []
    assert in_flight(fates, signalled) >= 4
    assert code == 0, pod.log()


def test_load_notices_a_lost_request(tmp_path):
    """The count is no formality: a server that is gone shows in it."""
    result = tmp_path / "result.json"
    arguments = ["http", "http://127.0.0.1:9/", PICTURE, tmp_path / "stop", result, 1]
    subprocess.run([sys.executable, LOAD, *map(str, arguments)], check=True, timeout=60)
    (fate,) = json.loads(result.read_text())
    assert "URLError" in fate["error"]


(DETECTOR,) = [version for version in DETECTORS if version.name == "ocdnet-v1.0-resnet18"]
(RECOGNIZER,) = [version for version in RECOGNIZERS if version.name == "ocrnet-v1.0.1"]
PLATES = TEXTS[RECOGNIZER.decoder]


@pytest.fixture(scope="module")
def ngc(tmp_path_factory):
    """A folder of what NGC publishes: networks that read the drawn plates."""
    folder = tmp_path_factory.mktemp("ngc")
    for version, made in ((DETECTOR, detector_twin(DETECTOR)), (RECOGNIZER, recognizer_twin(RECOGNIZER))):
        source = find_by_name(version.name).source
        place = folder / f"{source.model}:{source.version}" / version.file
        place.parent.mkdir(parents=True)
        onnx.save(made, place)
    return folder


@pytest.fixture(scope="module")
def on_gpu(built, ngc, tmp_path_factory):
    """ci/one-gpu with a gateway: the Job downloads, the pod builds plans and serves them."""
    for target in ("gpu", "gateway", "tools"):
        built(target)
    objects = rendered("one-gpu", **SHORT, tests={"words": PLATES[0].split()[:1]})
    folder = tmp_path_factory.mktemp("gpu")
    with Cluster(folder, objects) as cluster:
        variables = folder / "variables"
        serving = cluster.spawn(sys.executable, NGC, ngc, variables)
        while not variables.exists():
            assert serving.poll() is None
            time.sleep(0.05)
        cluster.environment["prepare"] = json.loads(variables.read_text())
        (job,) = cluster.names("Job")
        prepare = cluster.start("Job", job)
        assert prepare.wait() == 0, prepare.log()
        serving.kill()
        serving.wait()
        cluster.server = started(cluster, "Deployment", "demo-ocdrnet")
        cluster.gateway = started(cluster, "Deployment", "demo-ocdrnet-gateway")
        yield cluster


def plates_of(cluster, folder):
    path = folder / "plates.png"
    path.write_bytes(png(draw_image(RECOGNIZER)))
    return [line["text"] for line in read(cluster, path)["lines"]]


def test_plans_are_built_once_and_served(on_gpu, tmp_path):
    assert on_gpu.server.run_inside("cat", "/tmp/changes").splitlines() == PLAN_CHANGES
    assert plates_of(on_gpu, tmp_path) == list(PLATES)
    assert on_gpu.server.log("build").count(": built in ") == 2
    (volume,) = [each for each in on_gpu.server.spec["volumes"] if each["name"] == "shared-memory"]
    assert 5 <= stubs(on_gpu.server) <= int(volume["emptyDir"]["sizeLimit"].removesuffix("Mi")) // 320


def plans_of(cluster):
    """When each plan of the cache was written."""
    (claim,) = cluster.names("PersistentVolumeClaim")
    return {path.name: path.stat().st_mtime_ns for path in cluster.claim(claim, 10001).glob("plans/*.plan")}


def test_process_of_the_gpus_triton_has_no_rights(on_gpu):
    pod = on_gpu.server
    assert set(pod.status("Uid").split()) == {"10001"}
    assert int(pod.status("CapEff"), 16) == 0
    script = "for folder in / /opt /usr /etc /repository; do touch $folder/x 2>/dev/null && echo $folder; done; true"
    assert pod.run_inside("sh", "-c", script) == ""


def test_helm_test_of_the_gpus_release_passes(on_gpu):
    """Its command and image; its image is one that the stand-ins for NVIDIA's networks can read."""
    picture = on_gpu.get("ConfigMap", "demo-ocdrnet-test-picture")
    picture["binaryData"]["picture.png"] = base64.b64encode(png(draw_image(RECOGNIZER))).decode()
    pod = on_gpu.start("Pod", "demo-ocdrnet-test-read")
    assert pod.wait() == 0, pod.log()
    assert PLATES[0] in pod.log()


def test_a_second_start_builds_no_plan(on_gpu, tmp_path):
    before = plans_of(on_gpu)
    assert len(before) == 2
    on_gpu.server.terminate()
    on_gpu.server.wait()
    on_gpu.server.remove()
    on_gpu.server = started(on_gpu, "Deployment", "demo-ocdrnet", instance="-2")
    on_gpu.gateway.wait_ready()  # its probes go by the server
    assert ": built in " not in on_gpu.server.log("build")
    assert plans_of(on_gpu) == before
    assert plates_of(on_gpu, tmp_path) == list(PLATES)
