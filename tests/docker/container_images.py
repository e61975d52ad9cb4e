"""The Dockerfile's images, built by buildah on stand-ins for the bases that a machine of the tests cannot have.

python tests/docker/container_images.py [TARGET ...]     # as root: builds, and prints seconds and sizes

Everything lies in a store of its own below $OCDRNET_CI_CACHE, by default /var/cache/ocdrnet-ci: bases, layers and
downloads are kept there for the next time, and no image of the machine's own is touched.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockerfile_reading import CHECKOUT, DOCKER, arguments, stages

KEPT = Path(os.environ.get("OCDRNET_CI_CACHE", "/var/cache/ocdrnet-ci")) / "images"
# Of Debian: what python:slim has. No perl, which git brings.
_PYTHON = """
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends libpython3.11 python3-pip >/dev/null
apt-get -qq purge --yes --auto-remove git git-man make perl perl-modules-5.36 libperl5.36 >/dev/null 2>&1
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc /usr/share/man /usr/share/locale /usr/lib/python3.11/EXTERNALLY-MANAGED
ln -sf /usr/bin/python3 /usr/local/bin/python
mkdir -p /etc/uv
echo 'system-certs = true' >/etc/uv/uv.toml
"""
PYTHON_BASE = f"docker.io/library/{stages()['user'].base}"
TRITON_BASE = stages()["gpu"].base
_NEEDED = ("buildah", "podman", "runc", "conmon", "catatonit", "debootstrap", "unshare", "nsenter", "ip")
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_LARGEST_STORE = 20 << 30  # bytes; beyond, it is made anew
TAGS = {"gpu": "", "cpu": "-cpu", "gateway": "-gateway", "tools": "-tools"}
BUILD_S = 1800.0


def refusal() -> str:
    """Why images cannot be built and run here; empty where they can."""
    if os.geteuid() != 0:
        return "building and running images takes root here"
    missing = [name for name in _NEEDED if shutil.which(name) is None]
    return f"images are built and run by {', '.join(missing)}, which this machine lacks" if missing else ""


@contextmanager
def alone() -> Iterator[None]:
    """While no other run works with the store; pods that one before has left are removed."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        podman("pod", "rm", "--all", "--force", "--time=0")
        _stay_small()
        yield


def environment() -> dict[str, str]:
    """Of buildah and podman: where they keep what is for a while, and how they run programs without a system's help."""
    (KEPT / "temporary").mkdir(parents=True, exist_ok=True)
    settings = KEPT / "containers.conf"
    settings.write_text(_SETTINGS.format(folder=KEPT))
    own = {"TMPDIR": str(KEPT / "temporary"), "CONTAINERS_CONF": str(settings), "BUILDAH_ISOLATION": "chroot"}
    return {**os.environ, **own}


# runc, for crun refuses some machines' control groups; locks in files, apart from those of the machine's own podman.
_SETTINGS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
cgroups = "no-conmon"
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
static_dir = "{folder}/libpod"
volume_path = "{folder}/volumes"
tmp_dir = "/run/ocdrnet-images/libpod"
"""


def store() -> list[str]:
    """The options of buildah and podman that name the store."""
    return ["--root", str(KEPT / "store"), "--runroot", "/run/ocdrnet-images/store"]


def buildah(*words: object) -> str:
    """Run buildah; returns what it prints, and fails with its last lines."""
    return run("buildah", *store(), *words)


def podman(*words: object, **how) -> str:
    """Run podman, likewise."""
    return run("podman", *store(), *words, **how)


def run(*words: object, timeout_s: float = BUILD_S, entered: tuple[str, ...] = ()) -> str:
    """Run a program, in namespaces that `entered` goes into; returns what it prints, and fails with its last lines."""
    found = subprocess.run(
        [*entered, *map(str, words)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    shown = (
        f"exit code {found.returncode} of {' '.join(map(str, words))}:\n{found.stdout[-3000:]}\n{found.stderr[-3000:]}"
    )
    assert found.returncode == 0, shown
    return found.stdout.strip()


def image(target: str) -> str:
    """The name of a target's image, as the chart has it."""
    chart = (CHECKOUT / "helm/ocdrnet/Chart.yaml").read_text()
    (version,) = (line.split()[1] for line in chart.splitlines() if line.startswith("appVersion:"))
    return f"localhost/ocdrnet:{version}{TAGS[target]}"


def build(*targets: str) -> None:
    """Build images, and the bases that they need."""
    _python_base()
    if "gpu" in targets:
        own = Path(__file__).parent / "stand_ins/tritonserver.Containerfile"
        tag = f"PYTHON_TAG={arguments()['PYTHON_TAG']}"
        _build(
            own, TRITON_BASE, "--build-arg", tag, context=_context("tests/tensorrt_stand_in", "tests/docker/stand_ins")
        )
    for target in targets:
        _build(DOCKER / "Dockerfile", image(target), "--target", target, context=_context())


def _build(file: Path, tag: str, *more: object, context: Path) -> None:
    options = ("--layers", "--format=docker", "--network=host", "--pull-never")
    buildah("bud", *options, "--file", file, "--tag", tag, *more, context)


def _context(*more: str) -> Path:
    """What the Dockerfile's context has, and more of the checkout, with one time on all files: a layer is then found
    again by its content."""
    lines = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    wanted = [line[1:] for line in lines if line.startswith("!")]
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *wanted, *more]
    names = subprocess.run(listed, cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout.split("\0")
    folder = KEPT / "context"
    shutil.rmtree(folder, ignore_errors=True)
    for name in filter(None, names):
        if not (CHECKOUT / name).is_file():
            continue
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / name, copy)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (0, 0))
    return folder


def _python_base() -> None:
    recipe = hashlib.sha256(_PYTHON.encode()).hexdigest()[:16]
    if PYTHON_BASE in _names() and recipe in buildah("inspect", "--type=image", PYTHON_BASE):
        return
    container = buildah("from", "scratch")
    try:
        buildah("add", "--quiet", container, _debian(), "/")
        buildah("add", "--quiet", container, _CERTIFICATES, _CERTIFICATES)
        buildah("run", "--network=host", container, "--", "sh", "-euc", _PYTHON)
        buildah("config", "--label", f"recipe={recipe}", container)
        buildah("commit", "--quiet", "--format=docker", container, PYTHON_BASE)
    finally:
        buildah("rm", container)


def _debian() -> Path:
    """The minimal Debian 12 of .ci/fresh_machines.py, which is left as it is."""
    spec = importlib.util.spec_from_file_location("fresh_machines", CHECKOUT / ".ci/fresh_machines.py")
    fresh = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    return fresh.debian(12)


def _names() -> set[str]:
    return {name for each in json.loads(buildah("images", "--json")) for name in each.get("names") or []}


def _stay_small() -> None:
    """Start anew where old layers have grown over the limit."""
    listed = subprocess.run(["du", "-sbx", KEPT], capture_output=True, text=True, check=False).stdout or "0"
    if int(listed.split()[0]) > _LARGEST_STORE:
        buildah("rm", "--all")
        buildah("rmi", "--all", "--force")


def size(name: str) -> int:
    """Bytes of an image's files, uncompressed."""
    return int(podman("image", "inspect", "--format={{.Size}}", name))


if __name__ == "__main__":
    with alone():
        for wanted in sys.argv[1:] or TAGS:
            begin = time.monotonic()
            build(wanted)
            print(f"{image(wanted):36}  {time.monotonic() - begin:6.1f} s  {size(image(wanted))} bytes", flush=True)
