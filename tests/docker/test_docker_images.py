"""The Dockerfile, held against the checkout and the chart; test_docker_pods.py builds and runs it."""

import json
import re
import subprocess
import sys

import container_images
import pytest
import yaml
from container_images import TAGS
from dockerfile_reading import CHECKOUT, DOCKER, arguments, runs, stages
from helm_python import Chart
from packaging.requirements import Requirement

from ocdrnet_deploy.triton_versions import DEFAULT

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

CHART = CHECKOUT / "helm/ocdrnet"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SERVERS = ("gpu", "cpu", "gateway")
# The container has its own Triton, the wheel's base requires two, and ONNX Runtime comes in its form for GPUs.
NOT_ON_GPU = {"nvidia-pytriton", "onnxruntime", "tritonclient", "numpy"}


def ignored_but():
    lines = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    return [rule.removeprefix("!") for rule in rules if rule.startswith("!")]


def copies(stage):
    """Sources in the checkout of every COPY of a stage."""
    found = [each.words() for each in stage.of("COPY")]
    return [source for words in found if not words[0].startswith("--from") for source in words[:-1]]


def made_folders(name):
    """Folders that `install --directory` makes for the user."""
    return set(re.findall(r"(?<=\s)/\w+", re.search(r"install --directory.*", runs(name))[0]))


def containers(**values):
    texts = Chart.load(CHART).render(values=values, name="demo", namespace="ocr")
    documents = [each for name, text in texts.items() if name.endswith(".yaml") for each in yaml.safe_load_all(text)]
    pods = [each["spec"]["template"]["spec"] for each in documents if each and "template" in each.get("spec", {})]
    return {each["name"]: each for pod in pods for each in (*pod.get("initContainers", []), *pod["containers"])}


@pytest.fixture(scope="module")
def chart():
    """The container that each image is for."""
    gateway = {"enabled": True, "allowAnonymous": True}
    bulk = {"enabled": True, "source": "/data/in", "output": "/data/out"}
    cpu = containers(mode="cpu", gateway=gateway, bulk=bulk, loadtest={"enabled": True})
    gpu = containers()
    return {
        "gpu": [gpu["triton"], gpu["build"]],
        "cpu": [cpu["triton"], cpu["build"]],
        "gateway": [cpu["gateway"]],
        "tools": [cpu["bulk"], cpu["locust"]],
    }


@pytest.mark.parametrize("name", stages())
def test_bases_are_pinned(name):
    base = stages()[name].base
    assert base in stages() or re.fullmatch(r"[\w./-]+:\d[\w.-]+", base), base


def test_triton_is_the_projects_own():
    assert arguments()["TRITON_TAG"] == f"{DEFAULT}-py3"
    assert stages()["gpu"].base == f"nvcr.io/nvidia/tritonserver:{DEFAULT}-py3"


@pytest.mark.parametrize("name", TAGS)
def test_user_is_that_of_the_chart(name):
    stage, security = stages()[name], VALUES["security"]
    user = f"{security['runAsUser']}:{security['fsGroup']}"
    assert [each.text for each in stage.of("USER")] == [user] == ["10001:10001"]
    assert "--owner 10001 --group 10001" in runs(name)
    assert "--uid 10001 --gid 10001" in runs(name)
    kinds = [each.kind for each in stage.instructions]
    assert "RUN" not in kinds[kinds.index("USER") :]


@pytest.mark.parametrize(
    ("name", "extras"),
    [("cpu", ["serve"]), ("gateway", ["gateway"]), ("tools", ["bulk", "documents", "loadtest"])],
)
def test_an_image_has_what_it_is_for(name, extras):
    assert re.findall(r"--extra (\w+)", runs(name)) == extras


@pytest.mark.parametrize("name", stages())
def test_copied_files_exist_and_are_in_the_context(name):
    for source in copies(stages()[name]):
        assert (CHECKOUT / source).exists(), source
        assert source in ignored_but()


def test_context_has_no_more_than_is_copied():
    assert set(ignored_but()) == {source for stage in stages().values() for source in copies(stage)}


def test_copies_between_stages_name_earlier_ones():
    names = list(stages())
    for name, stage in stages().items():
        for each in stage.of("COPY"):
            found = re.match(r"--from=(\S+)", each.text)
            assert found is None or found[1] in names[: names.index(name)]


@pytest.mark.parametrize("name", SERVERS)
def test_folders_that_the_chart_writes_to_are_made(name, chart):
    mounts = [mount for container in chart[name] for mount in container["volumeMounts"]]
    written = {mount["mountPath"] for mount in mounts if not mount.get("readOnly")} - {"/tmp", "/dev/shm"}
    assert written
    assert written <= made_folders(name)


@pytest.mark.parametrize("name", SERVERS)
def test_same_program_as_in_the_chart(name, chart):
    (command,) = stages()[name].of("CMD")
    wanted = chart[name][0]["command"]
    assert command.json()[: len(wanted)] == wanted


@pytest.mark.parametrize("name", ["gpu", "cpu"])
def test_flags_are_the_charts_but_for_listening(name, chart):
    (command,) = stages()[name].of("CMD")
    own = set(command.json()[len(chart[name][0]["command"]) :])
    assert own <= set(chart[name][0]["args"])
    assert "--model-repository=/repository" in own or "--repository=/repository" in own


@pytest.mark.parametrize(("name", "probe"), [("gpu", "readiness"), ("cpu", "readiness"), ("gateway", "liveness")])
def test_health_is_that_of_the_charts_probe(name, probe, chart):
    container, (check,) = chart[name][0], stages()[name].of("HEALTHCHECK")
    wanted = container[f"{probe}Probe"]["httpGet"]
    (port,) = [each["containerPort"] for each in container["ports"] if each["name"] == wanted["port"]]
    assert check.json() == ["python3", "/opt/ocdrnet/ready.py", f"http://127.0.0.1:{port}{wanted['path']}"]
    assert str(port) in stages()[name].of("EXPOSE")[0].words()


@pytest.mark.parametrize("name", TAGS)
def test_tag_is_that_of_the_chart(name, chart):
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    tag = f"ocdrnet:{version}{TAGS[name]}"
    assert {container["image"] for container in chart[name]} == {tag}
    assert re.search(rf"--target {name}\s+--tag {re.escape(tag)} \.\n", (DOCKER / "Dockerfile").read_text())


def test_gpu_requirements_are_those_of_serve():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    serve = {str(Requirement(text).name): str(Requirement(text).specifier) for text in serve_of(project)}
    lines = (DOCKER / "gpu-requirements.txt").read_text().splitlines()
    gpu = {Requirement(line).name: str(Requirement(line).specifier) for line in lines if not line.startswith("#")}
    assert gpu.pop("onnxruntime-gpu") == ">=1.25"
    assert gpu == {name: versions for name, versions in serve.items() if name not in NOT_ON_GPU}


@pytest.mark.full  # asks the package index
def test_gpu_requirements_can_be_had_for_the_containers_python():
    """NVIDIA's container has Python 3.12, and nothing is compiled in it."""
    files = ["deploy/docker/gpu-requirements.txt", "pyproject.toml"]
    options = ["--python-version", "3.12", "--only-binary", ":all:", "--constraint", "constraints.txt", "--quiet"]
    command = [sys.executable, "-m", "uv", "pip", "compile", *options, *files]
    found = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=300)
    assert found.returncode == 0, found.stderr
    assert re.search(r"(?m)^onnxruntime-gpu==", found.stdout)
    assert re.search(r"(?m)^numpy==1\.", found.stdout)


def serve_of(project):
    return project["optional-dependencies"]["serve"]


def test_python_steps_find_their_packages_on_gpu():
    lines = (CHECKOUT / "python_backend/requirements.txt").read_text().splitlines()
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    installed = [*(DOCKER / "gpu-requirements.txt").read_text().splitlines(), *project["dependencies"]]
    names = {Requirement(line).name for line in installed if not line.startswith("#")}
    assert {Requirement(line).name for line in lines if not line.startswith("#")} <= names


def test_settings_of_the_charts_containers_are_the_images(chart):
    for name in TAGS:
        image = stages()[name].environment()
        for container in chart[name]:
            given = {each["name"]: each.get("value") for each in container["env"]}
            assert {key: given[key] for key in ("HOME", "PYTHONDONTWRITEBYTECODE")} == {
                key: image[key] for key in ("HOME", "PYTHONDONTWRITEBYTECODE")
            }


def test_a_machine_that_cannot_build_or_run_images_is_told_why(monkeypatch):
    monkeypatch.setattr(container_images.os, "geteuid", lambda: 0)
    monkeypatch.setattr(container_images.shutil, "which", lambda name: None if name == "podman" else f"/bin/{name}")
    assert container_images.refusal() == "images are built and run by podman, which this machine lacks"
    monkeypatch.setattr(container_images.os, "geteuid", lambda: 1000)
    assert container_images.refusal() == "building and running images takes root here"


def test_nothing_secret_is_in_the_dockerfile():
    text = json.dumps([each.text for stage in stages().values() for each in stage.instructions])
    assert not re.search(r"(?i)api_key|password|token", text)
