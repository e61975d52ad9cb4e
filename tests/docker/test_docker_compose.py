"""compose.yaml, held against the specification's schema, the Dockerfile and what it mounts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dockerfile_reading import CHECKOUT, DOCKER, stages

from ocdrnet_deploy.commands.models_build import build
from ocdrnet_deploy.commands.serve import serve
from ocdrnet_deploy.repository.profile import TensorRtProfile, cpu_profile, tensorrt_profile
from ocdrnet_gateway.commands.gateway import gateway
from tools.set_version import project_version

# The schema of the Compose specification comes with this package.
CHECK = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
ENDS = {"gpu": "", "cpu": "-cpu", "gateway": "-gateway"}
OWN = {name: service for name, service in SERVICES.items() if service["image"].startswith("ocdrnet:")}


def active(*profiles):
    return {name for name, service in SERVICES.items() if set(service["profiles"]) & set(profiles)}


def mounts():
    """Service, source, target and whether it is read-only, of each volume."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source, target, *mode = volume.split(":")
            yield name, source, target, mode == ["ro"]


def check(path):
    return subprocess.run([*CHECK, str(path)], capture_output=True, text=True, check=False)


def test_schema_is_met():
    found = check(DOCKER / "compose.yaml")
    assert found.returncode == 0, found.stdout


def test_schema_refuses_a_misspelling(tmp_path):
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(yaml.safe_dump({"services": {"triton": {**SERVICES["triton-cpu"], "profile": ["cpu"]}}}))
    found = check(wrong)
    assert (found.returncode, "'profile' was unexpected" in found.stdout) == (1, True), found.stdout


def test_profiles():
    assert active("cpu") == {"prepare-cpu", "triton-cpu", "gateway"}
    assert active("gpu") == {"prepare-gpu", "triton-gpu", "gateway"}
    assert active("monitoring") == {"prometheus", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
def test_needed_services_are_in_the_same_profiles(name):
    for other in SERVICES[name].get("depends_on", {}):
        assert set(SERVICES[name]["profiles"]) <= set(SERVICES[other]["profiles"])


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_stay_on_loopback(name):
    assert re.search(r":v?\d+\.\d+\.\d+(-\w+)?$", SERVICES[name]["image"])
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_rights_are_dropped(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service.get("read_only") or name == "grafana"


def test_builds_are_the_dockerfiles_stages():
    tags = {target: f"ocdrnet:{project_version()}{end}" for target, end in ENDS.items()}
    built = {}
    for service in OWN.values():
        if "build" in service:
            wanted = service["build"]
            assert (DOCKER / wanted["context"]).resolve() == CHECKOUT
            assert (CHECKOUT / wanted["dockerfile"]).is_file()
            assert wanted["target"] in stages()
            built[wanted["target"]] = service["image"]
    assert built == tags
    assert {service["image"] for service in OWN.values()} == set(tags.values())


def test_volumes_exist():
    for name, source, target, read_only in mounts():
        if source.startswith("."):
            assert (DOCKER / source).resolve().is_file(), source
            assert read_only
        else:
            assert source in COMPOSE["volumes"]
            assert name not in OWN or target in ("/cache", "/repository", "/data")
    assert {source for _, source, _, _ in mounts() if not source.startswith(".")} == set(COMPOSE["volumes"])


@pytest.mark.parametrize("kind", ["cpu", "gpu"])
def test_triton_serves_what_was_prepared(kind):
    (served,) = [each for each in mounts() if each[0] == f"triton-{kind}" and each[2] == "/repository"]
    assert (f"prepare-{kind}", served[1], "/repository", False) in mounts()
    assert served[3]
    condition = SERVICES[f"triton-{kind}"]["depends_on"][f"prepare-{kind}"]["condition"]
    assert condition == "service_completed_successfully"


@pytest.mark.parametrize(
    ("name", "command", "words"),
    [("prepare-cpu", build, 3), ("prepare-gpu", build, 3), ("triton-cpu", serve, 2), ("gateway", gateway, 2)],
)
def test_commands_are_understood(name, command, words):
    arguments = SERVICES[name]["command"][words:]
    filled = [re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", argument) for argument in arguments]
    assert "$" not in "".join(filled)
    command.make_context(command.name, filled)


def test_stop_waits_longer_than_triton():
    grace = int(SERVICES["triton-cpu"]["stop_grace_period"].removesuffix("s"))
    assert grace > int(re.search(r"--exit-timeout=(\d+)", str(SERVICES["triton-cpu"]["command"]))[1]) + 3
    assert grace > int(re.search(r"--exit-timeout-secs=(\d+)", str(SERVICES["triton-gpu"]["command"]))[1])


def test_admin_protocols_of_the_gpus_triton_are_closed():
    script = SERVICES["triton-gpu"]["command"][-1]
    assert "--model-control-mode=none" in script
    for flag in ("--http-restricted-api", "--grpc-restricted-protocol"):
        assert f'{flag}="$$restricted"' in script
    assert "model-repository,shared-memory,trace,logging:ocdrnet-admin-key=$$(cat " in script


def test_shared_memory_is_enough_for_the_processes_of_sixteen_cores():
    values = yaml.safe_load((CHECKOUT / "helm/ocdrnet/values.yaml").read_text())
    each = values["server"]["sharedMemory"]["mebibytesPerInstance"]
    processes = {
        "gpu": sum(tensorrt_profile("balanced", 1000, 16).step_processes.values())
        + TensorRtProfile.recognizer_processes,
        "cpu": sum(cpu_profile("throughput", 1000, 16).step_processes.values())
        + cpu_profile("throughput", 1000, 16).detector_processes
        + 1,
    }
    assert processes["cpu"] <= processes["gpu"]
    for kind in processes:
        assert SERVICES[f"triton-{kind}"]["shm_size"] == f"${{OCDRNET_SHM_SIZE:-{processes['gpu'] * each}m}}"


def test_tmp_is_as_the_pod_has_it():
    for kind in ("cpu", "gpu"):
        service = SERVICES[f"triton-{kind}"]
        # Without it Docker mounts noexec, and the Python stub could not start.
        assert any("/tmp:" in mount and "exec" in re.split("[:,]", mount) for mount in service["tmpfs"])
        assert service["networks"]["default"]["aliases"] == ["triton"]


def test_prometheus_scrapes_services_that_there_are():
    config = yaml.safe_load((CHECKOUT / "deploy/monitoring/prometheus.yml").read_text())
    targets = [
        target for job in config["scrape_configs"] for each in job["static_configs"] for target in each["targets"]
    ]
    assert {target.partition(":")[0] for target in targets} == {"triton", "gateway"}
    mounted = {target for name, _, target, _ in mounts() if name == "prometheus"}
    assert set(config["rule_files"]) <= mounted
    assert "/etc/prometheus/prometheus.yml" in mounted


def test_grafana_finds_dashboard_and_data():
    (source,) = yaml.safe_load((DOCKER / "grafana/datasource.yaml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = yaml.safe_load((DOCKER / "grafana/dashboards.yaml").read_text())["providers"]
    (dashboard,) = [target for _, source, target, _ in mounts() if source.endswith("dashboard.json")]
    assert str(Path(dashboard).parent) == provider["options"]["path"]
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == dashboard
