"""Triton's Deployment: how it is started, checked, placed and replaced."""

from chart_pods import server, triton
from chart_render import the


def test_the_pip_package_s_triton_is_started_by_its_own_command():
    container = triton({"mode": "cpu", "server": {"startup": {"seconds": 240}, "exitTimeoutSeconds": 44}})
    assert container["command"] == ["ocdrnet", "serve"]
    assert container["args"] == [
        "--repository=/repository",
        "--host=0.0.0.0",
        "--http-host=0.0.0.0",
        "--http-port=8000",
        "--grpc-port=8001",
        "--metrics-port=8002",
        "--log=info",
        "--timeout=240",
        "--exit-timeout=44",
    ]


def test_nvidia_s_triton_is_started_with_the_same_repository_ports_and_headers():
    args = triton({})["args"]
    assert triton({})["command"] == ["tritonserver"]
    assert {"--model-repository=/repository", "--http-port=8000", "--grpc-port=8001", "--metrics-port=8002"} <= set(
        args
    )
    assert {f"--{way}-header-forward-pattern=(?i)^ocdrnet-" for way in ("http", "grpc")} <= set(args)
    assert "--disable-auto-complete-config" in args


def test_probes_have_the_periods_and_patience_of_the_values():
    checks = {
        "readiness": {"periodSeconds": 3, "failureThreshold": 4},
        "liveness": {"periodSeconds": 7, "failureThreshold": 9},
    }
    container = triton({"server": checks})
    for kind, expected in checks.items():
        probe = container[f"{kind}Probe"]
        assert {key: probe[key] for key in expected} == expected
        assert probe["timeoutSeconds"] == 5


def test_liveness_is_the_more_patient_one():
    """A pod that is busy must leave the endpoints before it is restarted."""
    container = triton({})
    ready, live = container["readinessProbe"], container["livenessProbe"]
    assert ready["periodSeconds"] * ready["failureThreshold"] < live["periodSeconds"] * live["failureThreshold"]


def test_nothing_is_written_but_to_mounts():
    mounts = {mount["mountPath"]: mount for mount in triton({})["volumeMounts"]}
    assert {path for path, mount in mounts.items() if not mount.get("readOnly")} == {"/dev/shm", "/tmp"}
    environment = {each["name"]: each.get("value") for each in triton({})["env"]}
    assert environment["HOME"] == "/tmp"
    assert environment["OCDRNET_CACHE"].startswith("/tmp/")
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_update_strategy_is_that_of_the_values():
    strategy = {"maxSurge": 0, "maxUnavailable": "50%"}
    assert the({"server": {"strategy": strategy}}, "Deployment")["spec"]["strategy"]["rollingUpdate"] == strategy


def test_pods_are_placed_as_the_values_say():
    toleration = {"key": "a", "operator": "Equal", "value": "b", "effect": "NoExecute", "tolerationSeconds": 5}
    spec = server(
        {
            "server": {
                "nodeSelector": {"pool": "ocr"},
                "tolerations": [toleration],
                "priorityClassName": "high",
                "gpu": {"runtimeClassName": "nvidia"},
                "topologySpread": {"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"},
            }
        }
    )
    assert spec["nodeSelector"] == {"pool": "ocr"}
    assert spec["tolerations"] == [toleration]
    assert (spec["priorityClassName"], spec["runtimeClassName"]) == ("high", "nvidia")
    (spread,) = spec["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["maxSkew"], spread["whenUnsatisfiable"]) == ("zone", 2, "DoNotSchedule")


def test_a_cpu_pod_asks_for_no_gpu_and_no_gpu_runtime():
    gpu = {"products": ["Tesla-T4"], "runtimeClassName": "nvidia"}
    spec = server({"mode": "cpu", "server": {"gpu": gpu}})
    assert "runtimeClassName" not in spec
    assert "affinity" not in spec


def test_default_tolerations_are_those_of_gpu_nodes():
    assert server({})["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_secrets_of_the_registry_are_every_pods():
    assert server({"imagePullSecrets": [{"name": "registry"}]})["imagePullSecrets"] == [{"name": "registry"}]
