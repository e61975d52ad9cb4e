"""The images' content, made by the Dockerfile's own steps, and the chart's pods that run on it."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dockerfile_reading import CHECKOUT, DOCKER, stages
from helm_python import Chart
from pod_container import refusal, run
from pod_root import SYSTEM, Root

# Made by pod_root itself.
_MADE = {*SYSTEM, "dev", "proc", "sys", "tmp", "opt"}


def _host_folders():
    """What pip may want of this machine: all of it, /opt apart, because /opt/ocdrnet is to lie there."""
    folders = [*Path("/").iterdir(), *Path("/opt").iterdir()]
    return {str(path): str(path) for path in folders if path.is_dir() and path.name not in _MADE}


@pytest.fixture(scope="session")
def namespaces():
    reason = refusal()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def wheel_folder(tmp_path_factory):
    """/dist of the stage `wheel`, made from what the stage copies and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    stage = stages()["wheel"]
    for each in stage.of("COPY"):
        *sources, target = each.words()
        for source in sources:
            _copy(CHECKOUT / source, folder / "source" / target / (Path(source).name if len(sources) > 1 else ""))
    (step,) = stage.of("RUN")
    command = shlex.split(step.text)
    assert (command[:2], command[-3:]) == (["pip", "wheel"], ["--wheel-dir", "/dist", "."])
    made = [sys.executable, "-m", *command[:-2], str(folder / "dist"), "."]
    subprocess.run([*made, "--quiet"], check=True, cwd=folder / "source")
    return folder / "dist"


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


@pytest.fixture(scope="session")
def install(namespaces, wheel_folder, tmp_path_factory):
    """Runs the RUN of an environment's stage, word for word; returns what it has made of /opt/ocdrnet."""

    def do(stage):
        folder = tmp_path_factory.mktemp(stage)
        made = folder / "made"
        made.mkdir()
        made.chmod(0o755)
        (folder / "root").mkdir()
        (step,) = stages()[stage].of("RUN")
        root = Root(
            folder=str(folder / "root"),
            command=["sh", "-ec", step.text],
            environment={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            read_only={
                "/dist": str(wheel_folder),
                "/constraints.txt": str(CHECKOUT / "constraints.txt"),
                **_host_folders(),
                sys.prefix: sys.prefix,  # a checkout may lie in /tmp
            },
            writable={"/opt/ocdrnet": str(made)},
        )
        run(root, folder / "log", timeout_s=900, on_host=True)
        shutil.copy(DOCKER / "ready.py", made)
        folders.append(made)
        return made

    folders = []
    yield do
    # A gigabyte, which pytest would keep for three runs.
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cpu_environment(install):
    return install("cpu-environment")


@pytest.fixture(scope="session")
def gateway_environment(install):
    return install("gateway-environment")


@pytest.fixture(scope="session")
def manifests():
    """Everything that the chart makes for a trial on the CPU with a gateway, by kind and name."""
    values = yaml.safe_load((CHECKOUT / "helm/ocdrnet/ci/cpu-demo-values.yaml").read_text())
    values["server"]["preStopSeconds"] = 1
    values["gateway"] = {"enabled": True, "allowAnonymous": True, "preStopSeconds": 1}
    texts = Chart.load(CHECKOUT / "helm/ocdrnet").render(values=values, name="demo", namespace="ocr")
    objects = [each for name, text in texts.items() if name.endswith(".yaml") for each in _documents(text)]
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def _documents(text):
    return [each for each in yaml.safe_load_all(text) if isinstance(each, dict)]
