"""Every pod: the "restricted" standard, limits, probes, and time to end."""

import copy
import re

import pytest
from chart_matrix import combinations
from chart_policy import violations
from chart_render import CI, ci_values, objects, pod_specs, the

INSTALLS = [pytest.param({}, id="default"), *(pytest.param(ci_values(path), id=path.stem) for path in CI)]
MATRIX = [pytest.param(values, id=name or "defaults") for name, values in combinations()]
UNITS = {"": 1, "Mi": 2**20, "Gi": 2**30}


@pytest.mark.parametrize("values", INSTALLS + MATRIX)
def test_pods_are_restricted(values):
    assert [(m["metadata"]["name"], what) for m, spec in pod_specs(objects(values)) for what in violations(spec)] == []


@pytest.mark.parametrize("values", INSTALLS + MATRIX)
def test_servers_have_probes_and_time_to_end(values):
    for spec in serving(values):
        (container,) = spec["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert spec["terminationGracePeriodSeconds"] > pre_stop_seconds(container) + exit_seconds(container)


@pytest.mark.parametrize("values", INSTALLS + MATRIX)
def test_every_mount_has_its_volume_and_every_volume_a_size(values):
    for _, spec in pod_specs(objects(values)):
        mounted = {m["name"] for c in spec.get("initContainers", []) + spec["containers"] for m in c["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}
        assert all("sizeLimit" in volume["emptyDir"] for volume in spec["volumes"] if "emptyDir" in volume)


@pytest.mark.parametrize("values", INSTALLS + MATRIX)
def test_shared_memory_fits_into_the_memory_limit(values):
    for spec in serving(values):
        limit = bytes_of(spec["containers"][0]["resources"]["limits"]["memory"])
        shared = [
            v["emptyDir"]["sizeLimit"] for v in spec["volumes"] if v.get("emptyDir", {}).get("medium") == "Memory"
        ]
        assert all(bytes_of(size) < limit for size in shared)


@pytest.mark.parametrize(
    ("server", "grace"),
    [
        ({}, 15 + 30 + 15),
        ({"preStopSeconds": 5}, 50),
        ({"exitTimeoutSeconds": 300}, 330),
        ({"graceMarginSeconds": 60}, 105),
    ],
)
def test_grace_is_the_sum_of_its_parts(server, grace):
    deployment = the({"server": server}, "Deployment")
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == grace


def test_probes_ask_for_the_model_and_not_only_for_the_server():
    container = the({}, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    probes = [container[kind]["httpGet"] for kind in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert probes == [{"path": "/v2/models/ocdrnet/ready", "port": "http"}] * 3


def test_loading_may_take_as_long_as_it_is_told():
    container = the({"server": {"startup": {"seconds": 903}}}, "Deployment")["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] == 905


@pytest.mark.parametrize(
    ("values", "mebibytes"),
    [
        ({}, (4 + 2 + 2 + 2 + 1 + 2) * 320),
        ({"mode": "cpu"}, (5 + 2) * 320),
        ({"mode": "cpu", "models": {"profile": "throughput"}}, (6 + 3) * 320),
        ({"models": {"engine": "cuda"}}, (11 + 2) * 320),
        ({"models": {"profile": "throughput"}}, (11 + 2) * 320),
        (
            {"server": {"stepProcesses": {"image_preprocess": 7}, "sharedMemory": {"mebibytesPerInstance": 100}}},
            (7 + 7 + 2) * 100,
        ),
    ],
)
def test_shared_memory_grows_with_the_python_processes(values, mebibytes):
    spec = the(values, "Deployment")["spec"]["template"]["spec"]
    assert {v["name"]: v["emptyDir"] for v in spec["volumes"] if "emptyDir" in v}["shared-memory"] == {
        "medium": "Memory",
        "sizeLimit": f"{mebibytes}Mi",
    }
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in spec["containers"][0]["volumeMounts"]


BREAKS = {
    "root": lambda spec: spec["securityContext"].update(runAsUser=0),
    "token": lambda spec: spec.pop("automountServiceAccountToken"),
    "seccomp": lambda spec: spec["securityContext"].pop("seccompProfile"),
    "host": lambda spec: spec.update(hostNetwork=True),
    "hostPath": lambda spec: spec["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "escalation": lambda spec: spec["containers"][0]["securityContext"].pop("allowPrivilegeEscalation"),
    "capability": lambda spec: spec["initContainers"][0]["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    "writable": lambda spec: spec["containers"][0]["securityContext"].update(readOnlyRootFilesystem=False),
    "no limit": lambda spec: spec["containers"][0]["resources"]["limits"].pop("memory"),
}


@pytest.mark.parametrize("spoil", BREAKS.values(), ids=BREAKS)
def test_policy_notices_what_is_spoilt(spoil):
    spec = copy.deepcopy(the({}, "Deployment")["spec"]["template"]["spec"])
    assert list(violations(spec)) == []
    spoil(spec)
    assert len(list(violations(spec))) == 1


def serving(values):
    """Pod specs of Triton and of the gateway."""
    for manifest, spec in pod_specs(objects(values)):
        component = manifest["metadata"]["labels"].get("app.kubernetes.io/component")
        if manifest["kind"] == "Deployment" and component in ("server", "gateway"):
            yield spec


def pre_stop_seconds(container):
    program, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    return int(seconds)


def exit_seconds(container):
    """Triton's flag; `ocdrnet serve` gives it 3 seconds more; for the gateway its longest request."""
    for program, option, more in (
        (["tritonserver"], "--exit-timeout-secs=", 0),
        (["ocdrnet", "serve"], "--exit-timeout=", 3),
    ):
        if container["command"] == program:
            (flag,) = [each for each in container["args"] if each.startswith(option)]
            return int(flag.removeprefix(option)) + more
    (deadline,) = [v["value"] for v in container["env"] if v["name"] == "OCDRNET_GATEWAY_DEADLINE_S"]
    return int(deadline)


def bytes_of(quantity):
    number, unit = re.fullmatch(r"(\d+)(\w*)", quantity).groups()
    return int(number) * UNITS[unit]
