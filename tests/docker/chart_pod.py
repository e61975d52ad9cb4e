"""The chart's pods as containers here: its commands, environment, user and volumes on the Dockerfile's content."""

import sys
from dataclasses import replace
from pathlib import Path

from dockerfile_reading import stages
from pod_container import Container, run
from pod_root import SYSTEM, Root

# Of python:slim, which ENV PATH=...:$PATH extends.
_BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# The names of the cluster's Services that the chart's commands use.
HOSTS = "127.0.0.1 localhost demo-ocdrnet demo-ocdrnet-headless demo-ocdrnet-gateway\n"


class ChartPod:
    """A pod of the chart.

    Args:
        spec: of the pod, as rendered.
        stage: of the Dockerfile that is its image.
        environment: what that stage's image has at /opt/ocdrnet.
        folder: an empty one for volumes and logs.
        config_maps: files by ConfigMap, for volumes made of one.
    """

    def __init__(self, spec, stage, environment, folder, config_maps=None):
        self.spec = spec
        self._stage = stages()[stage]
        self._environment = environment
        self._folder = folder
        self._config_maps = config_maps or {}
        self.container = None
        folder.chmod(0o755)
        (folder / "hosts").write_text(HOSTS)
        for volume in spec["volumes"]:
            path = folder / volume["name"]
            path.mkdir()
            # The kubelet's mode of an emptyDir.
            path.chmod(0o777)
            for name, data in self._config_maps.get(volume.get("configMap", {}).get("name"), {}).items():
                (path / name).write_bytes(data)

    def root(self, container):
        """The root of one of its containers."""
        name = container["name"]
        (self._folder / f"root-{name}").mkdir(exist_ok=True)
        return Root(
            folder=str(self._folder / f"root-{name}"),
            command=[*container["command"], *container.get("args", [])],
            environment=self._variables(container),
            read_only={**self._image(), **self._volumes(container, read_only=True)},
            writable=self._volumes(container, read_only=False),
            memory=self._memory(container),
            user=self.spec["securityContext"]["runAsUser"],
        )

    def main_root(self):
        return self.root(self.spec["containers"][0])

    def start(self, beside=None):
        """Run its init containers to their end, then start the one that stays."""
        for container in self.spec.get("initContainers", []):
            run(self.root(container), self._folder / f"{container['name']}.log")
        self.container = Container(self.main_root(), self._folder / "main.log", beside).start()
        return self

    def run_beside(self, other):
        """Run its one container to its end, in another pod's network; returns its output."""
        return run(self.main_root(), self._folder / "main.log", beside=other.container)

    def run_inside(self, *command):
        """Run another command with what its container sees; returns the output."""
        root = replace(self.main_root(), command=list(command))
        return run(root, self._folder / "inside.log", beside=self.container)

    def _image(self):
        image = {"/opt/ocdrnet": str(self._environment), "/etc/hosts": str(self._folder / "hosts")}
        python = Path(sys.base_prefix)
        return image if python.parts[1] in SYSTEM else {**image, str(python): str(python)}

    def _variables(self, container):
        image = {name: value.replace("$PATH", _BASE_PATH) for name, value in self._stage.environment().items()}
        return {**image, **{each["name"]: self._value(each) for each in container["env"]}}

    def _value(self, variable):
        if "value" in variable:
            return variable["value"]
        asked = variable["valueFrom"]["resourceFieldRef"]
        (limits,) = [c["resources"]["limits"] for c in self.spec["containers"] if c["name"] == asked["containerName"]]
        assert asked["divisor"] == "1"
        read = {"limits.cpu": lambda: int(limits["cpu"]), "limits.memory": lambda: int(limits["memory"][:-2]) << 30}
        assert limits["memory"].endswith("Gi")
        return str(read[asked["resource"]]())

    def _is_memory(self, mount):
        (volume,) = [each for each in self.spec["volumes"] if each["name"] == mount["name"]]
        return volume.get("emptyDir", {}).get("medium") == "Memory"

    def _volumes(self, container, *, read_only):
        mounts = [each for each in container["volumeMounts"] if not self._is_memory(each)]
        wanted = [each for each in mounts if each.get("readOnly", False) is read_only]
        return {each["mountPath"]: str(self._folder / each["name"]) for each in wanted}

    def _memory(self, container):
        sizes = {each["name"]: each.get("emptyDir", {}).get("sizeLimit", "") for each in self.spec["volumes"]}
        mounts = [each for each in container["volumeMounts"] if self._is_memory(each)]
        return {each["mountPath"]: sizes[each["name"]].replace("Mi", "m") for each in mounts}
