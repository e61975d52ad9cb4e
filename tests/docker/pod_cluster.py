"""The chart's pods, run by podman from what `helm template` renders, in a network that they have for themselves.

What podman cannot do as it stands in a manifest is done here, and is all that differs: see `for_podman`.
"""

import base64
import copy
import json
import math
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import container_images
import yaml
from container_images import CHECKOUT, podman
from helm_python import Chart

START_S = 600.0
# The names of the cluster's Services; all pods are on one address.
SERVICES = ["demo-ocdrnet", "demo-ocdrnet-headless", "demo-ocdrnet-gateway", "demo-ocdrnet-loadtest"]
_SIZES = {"Mi": 1 << 20, "Gi": 1 << 30}


def rendered(install: str, **values: object) -> list[dict]:
    """Every object of `helm template demo --namespace ocr --values ci/INSTALL-values.yaml`, with values over it."""
    chart = CHECKOUT / "helm/ocdrnet"
    own = yaml.safe_load((chart / "ci" / f"{install}-values.yaml").read_text())
    texts = Chart.load(chart).render(values=_over(own, values), name="demo", namespace="ocr")
    return [each for name, text in sorted(texts.items()) if name.endswith(".yaml") for each in _documents(text)]


def _documents(text: str) -> list[dict]:
    return [each for each in yaml.safe_load_all(text) if isinstance(each, dict)]


def _over(base: object, more: object) -> object:
    if not (isinstance(base, dict) and isinstance(more, dict)):
        return more
    return base | {key: _over(base.get(key), value) for key, value in more.items()}


class Cluster:
    """One node: a network without a way out, claims, and pods.

    Args:
        folder: an empty one for volumes.
        objects: the rendered ones; pods are started of them by kind and name.
        environment: more variables for containers by their name, such as where NGC is on this node.
    """

    def __init__(self, folder: Path, objects: list[dict], environment: dict[str, dict[str, str]] | None = None) -> None:
        self.folder = folder
        self.environment = environment or {}
        self._objects: dict[tuple[str, str], dict] = {}
        self.add(*objects)
        self._pods: list[Pod] = []
        self._network = subprocess.Popen(["setpriv", "--pdeathsig=KILL", "unshare", "--net", "sleep", "infinity"])

    def __enter__(self) -> "Cluster":
        end = time.monotonic() + 10
        host = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self._network.pid}/ns/net") == host:
            assert time.monotonic() < end
            time.sleep(0.01)
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        for pod in self._pods:
            pod.remove()
        self._network.kill()
        self._network.wait()
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for place in mounted:
            if Path(place).is_relative_to(self.folder):
                subprocess.run(["umount", place], check=True)
        shutil.rmtree(self.folder)

    @property
    def entered(self) -> tuple[str, ...]:
        """What goes before a program to run it in the cluster's network."""
        return ("nsenter", f"--net=/proc/{self._network.pid}/ns/net")

    def run(self, *command: object) -> str:
        """Run a program of this machine in the cluster's network; returns what it prints."""
        return container_images.run(*command, entered=self.entered)

    def spawn(self, *command: object) -> subprocess.Popen:
        """Start one there."""
        return subprocess.Popen(
            [*self.entered, *map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def names(self, kind: str) -> list[str]:
        return sorted(name for each, name in self._objects if each == kind)

    def get(self, kind: str, name: str) -> dict:
        return self._objects[kind, name]

    def add(self, *objects: dict) -> None:
        """Have more objects, or others of the same names."""
        self._objects |= {(each["kind"], each["metadata"]["name"]): each for each in objects}

    def start(self, kind: str, name: str, instance: str = "") -> "Pod":
        """Start a pod of a Deployment, a Job or a Pod; its init containers have ended when this returns."""
        manifest = self.get(kind, name)
        spec = manifest["spec"] if kind == "Pod" else manifest["spec"]["template"]["spec"]
        pod = Pod(self, f"{self.folder.name}-{name}{instance}", spec)
        self._pods.append(pod)
        pod.play()
        return pod

    def claim(self, name: str, group: int) -> Path:
        """The folder of a claim, which outlives the pods."""
        assert ("PersistentVolumeClaim", name) in self._objects
        return _folder(self.folder / "claims" / name, group)

    def config_files(self, name: str) -> dict[str, bytes]:
        """What a ConfigMap or a Secret holds."""
        found = self._objects.get(("ConfigMap", name)) or self._objects["Secret", name]
        texts = {key: text.encode() for key, text in {**found.get("data", {}), **found.get("stringData", {})}.items()}
        return texts | {key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()}


class Pod:
    """A pod that podman runs."""

    def __init__(self, cluster: Cluster, name: str, spec: dict) -> None:
        self.cluster, self.name, self.spec = cluster, name, spec
        self._folder = cluster.folder / name

    @property
    def container(self) -> str:
        """Podman's name of the one container that stays."""
        (own,) = self.spec["containers"]
        return f"{self.name}-{own['name']}"

    def play(self) -> None:
        manifest, hosts = (self._folder.with_suffix(suffix) for suffix in (".yaml", ".hosts"))
        hosts.write_text(f"127.0.0.1 localhost {' '.join(SERVICES)}\n")
        spec = for_podman(self.spec, str(hosts), self._volume, self._more_variables)
        # Init containers are kept when they have ended, for their logs.
        metadata = {"name": self.name, "annotations": {"io.podman.annotations.init.container.type": "always"}}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        manifest.write_text(yaml.safe_dump(pod))
        podman("kube", "play", "--network=host", manifest, entered=self.cluster.entered, timeout_s=START_S)

    def run_inside(self, *command: object) -> str:
        """Run another command in its container, as its user; returns what it prints."""
        return podman("exec", self.container, *command, entered=self.cluster.entered, timeout_s=180)

    def wait(self, timeout_s: float = START_S) -> int:
        """The exit code of its container, once it has ended."""
        return int(podman("wait", self.container, timeout_s=timeout_s))

    def log(self, container: str = "") -> str:
        name = f"{self.name}-{container}" if container else self.container
        found = subprocess.run(
            ["podman", *container_images.store(), "logs", name],
            env=container_images.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return found.stdout[-20_000:]

    def inspect(self) -> dict:
        (found,) = json.loads(podman("inspect", self.container))
        return found

    def status(self, name: str) -> str:
        """A line of the status that the kernel has of its first process."""
        lines = Path(f"/proc/{self.inspect()['State']['Pid']}/status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))

    def terminate(self) -> None:
        """SIGTERM to its first process, as the kubelet sends it."""
        podman("kill", "--signal=TERM", self.container)

    def remove(self) -> None:
        podman("pod", "rm", "--force", "--ignore", "--time=0", self.name)

    def probe(self, kind: str) -> bool:
        """What the kubelet asks."""
        (own,) = self.spec["containers"]
        wanted = own[f"{kind}Probe"]
        asked = wanted["httpGet"]
        (port,) = [each["containerPort"] for each in own["ports"] if each["name"] == asked["port"]]
        url = f"http://127.0.0.1:{port}{asked['path']}"
        command = ["curl", "--silent", "--fail", "--noproxy", "*", "--max-time", wanted.get("timeoutSeconds", 1), url]
        found = subprocess.run([*self.cluster.entered, *map(str, command)], capture_output=True, check=False)
        return found.returncode == 0

    def wait_ready(self) -> float:
        """Ask as the kubelet does until the startup and the readiness probe are met; returns the seconds."""
        begin = time.monotonic()
        (own,) = self.spec["containers"]
        for kind in ("startup", "readiness"):
            wanted = own[f"{kind}Probe"]
            end = time.monotonic() + wanted["periodSeconds"] * max(wanted["failureThreshold"], 24)
            while not self.probe(kind):
                assert time.monotonic() < end, f"{kind} probe:\n{self.log()[-4000:]}"
                assert self.inspect()["State"]["Running"], self.log()
                time.sleep(0.5)
        return time.monotonic() - begin

    def _more_variables(self, container: dict) -> dict[str, str]:
        """Those of Secrets, and the test's."""
        sources = [each["secretRef"]["name"] for each in container.get("envFrom", [])]
        secrets = [self.cluster.config_files(name) for name in sources]
        texts = {key: value.decode() for files in secrets for key, value in files.items()}
        return texts | self.cluster.environment.get(container["name"], {})

    def _volume(self, volume: dict) -> Path:
        """What a volume is on this node."""
        group = self.spec["securityContext"]["fsGroup"]
        if "persistentVolumeClaim" in volume:
            return self.cluster.claim(volume["persistentVolumeClaim"]["claimName"], group)
        folder = self._folder / volume["name"]
        if folder.exists():
            return folder
        folder.mkdir(parents=True)
        if volume.get("emptyDir", {}).get("medium") == "Memory":
            options = f"size={_bytes(volume['emptyDir']['sizeLimit'])},mode=1777"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
            return folder
        source = volume.get("configMap", {}).get("name") or volume.get("secret", {}).get("secretName")
        if source:
            for name, content in self.cluster.config_files(source).items():
                (folder / name).write_bytes(content)
            return folder
        return _folder(folder, group)


def _folder(path: Path, group: int) -> Path:
    """As the kubelet makes a volume: the pod's group owns it, and nobody else may write."""
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, 0, group)
    path.chmod(0o2775)
    return path


def _bytes(quantity: str) -> int:
    return int(quantity[:-2]) * _SIZES[quantity[-2:]]


def for_podman(
    spec: dict, hosts: str, place: Callable[[dict], Path], more_variables: Callable[[dict], dict[str, str]]
) -> dict:
    """A pod's spec as this podman takes it.

    - `restartPolicy` is Never: it would restart init containers that have ended.
    - Probes and the preStop hook are left to the test, which asks and runs them as they stand.
    - Volumes are folders made as the kubelet makes them: podman knows no fsGroup and no size limit.
    - Variables from fields and limits are filled in, and `$(VARIABLE)` in arguments.
    - Services are lines of /etc/hosts: podman gives no names to pods in the node's network.
    - Limits of the GPU go, and where pods are placed is no matter on one node.

    Args:
        spec: of the pod, as rendered.
        hosts: a file with the names of Services.
        place: gives the folder of a volume.
        more_variables: gives those that a container has beside its own.
    """
    made = copy.deepcopy(spec)
    for key in ("topologySpreadConstraints", "affinity", "nodeSelector", "tolerations", "serviceAccountName"):
        made.pop(key, None)
    made["restartPolicy"] = "Never"
    volumes = {each["name"]: str(place(each)) for each in spec["volumes"]} | {"hosts": hosts}
    made["volumes"] = [{"name": name, "hostPath": {"path": path}} for name, path in volumes.items()]
    for container in (*made.get("initContainers", []), *made["containers"]):
        for key in ("startupProbe", "readinessProbe", "livenessProbe", "lifecycle", "ports"):
            container.pop(key, None)
        values = {each["name"]: _value(each, spec) for each in container["env"]}
        container["volumeMounts"].append({"name": "hosts", "mountPath": "/etc/hosts", "readOnly": True})
        values |= more_variables(container)
        container.pop("envFrom", None)
        container["env"] = [{"name": name, "value": value} for name, value in values.items()]
        container["args"] = [_filled(text, values) for text in container.get("args", [])]
        limits = container["resources"]["limits"]
        container["resources"]["limits"] = {key: limits[key] for key in ("cpu", "memory")}
    return made


def _value(variable: dict, spec: dict) -> str:
    if "value" in variable:
        return variable["value"]
    source = variable["valueFrom"]
    if "fieldRef" in source:
        assert source["fieldRef"] == {"fieldPath": "metadata.uid"}
        return "5d0b7b3a-0000-4000-8000-00000000dead"
    if "secretKeyRef" in source:
        return f"secret-{source['secretKeyRef']['key']}"
    asked = source["resourceFieldRef"]
    (limits,) = [each["resources"]["limits"] for each in spec["containers"] if each["name"] == asked["containerName"]]
    assert asked["divisor"] == "1"
    if asked["resource"] == "limits.memory":
        return str(_bytes(limits["memory"]))
    assert asked["resource"] == "limits.cpu"
    cores = limits["cpu"]
    return str(math.ceil(int(cores[:-1]) / 1000) if cores.endswith("m") else int(cores))


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"$({name})", value)
    return text
