"""From names of networks to a served repository: who downloads, who builds, from where, into what."""

import shlex

import pytest
import yaml
from chart_matrix import merged
from chart_pods import NVIDIA, builder, containers, job_spec, jobs, script, server, triton, variable
from chart_render import CHART, objects, of_kind, the

from ocdrnet_deploy.repository.profile import cpu_profile, tensorrt_profile

JOB = {"models": NVIDIA}
AHEAD = {"models": {**NVIDIA, "prepareJob": {"buildPlans": True}}}
INIT = {"models": {**NVIDIA, "prepare": "initContainer"}}
ONCE = {**JOB, "cache": {"accessMode": "ReadWriteOnce"}}
DOWNLOADS = [
    "ocdrnet models download ocdnet-v1.0-resnet18 --accept-eula",
    "ocdrnet models download ocrnet-v1.0.1 --accept-eula",
]
KEY = {"secretKeyRef": {"name": "ngc-key", "key": "NGC_API_KEY"}}


def test_default_networks_need_no_job():
    assert jobs({}) == []
    assert script(builder({})).startswith("ocdrnet models build --output /repository --engine tensorrt")


def build_options(values):
    return shlex.split(script(builder(values)).splitlines()[-1])


def processes(values):
    words = build_options(values)
    return dict(words[at + 1].split("=") for at, word in enumerate(words) if word == "--processes")


def limited(cpu, **values):
    return {"server": {"resources": {"limits": {"cpu": cpu, "memory": "16Gi"}}}, **values}


def counted(planned):
    return {name: str(count) for name, count in planned.step_processes.items()}


# With whole numbers of processes among them, such as 0.14 x 50 and 0.45 / 7 x 140.
CORES = [*range(1, 13), 14, 16, 20, 24, 28, 32, 40, 48, 50, 64, 96, 100, 128, 140, 192, 256]


@pytest.mark.parametrize("cores", CORES)
def test_steps_have_the_processes_that_the_build_counts_for_the_limit(cores):
    assert processes(limited(str(cores))) == counted(tensorrt_profile("balanced", 1000, cores))
    on_cpu = limited(str(cores), mode="cpu")
    assert processes(on_cpu) == counted(cpu_profile("balanced", 1000, cores))


@pytest.mark.parametrize(("cpu", "cores"), [("500m", 1), ("1500m", 2), ("2000m", 2), ("2.5", 3), ("28", 28)])
def test_a_limit_is_rounded_up_to_whole_cores_as_kubernetes_does_it(cpu, cores):
    assert processes(limited(cpu)) == counted(tensorrt_profile("balanced", 1000, cores))


@pytest.mark.parametrize("pool", ["a100", "h100", "l4", "t4"])
def test_steps_have_the_processes_that_the_cores_of_a_pool_can_use(pool):
    values = yaml.safe_load((CHART / "ci" / f"{pool}-values.yaml").read_text())
    cores = int(values["server"]["resources"]["limits"]["cpu"])
    assert processes(values) == counted(tensorrt_profile("balanced", 1000, cores))


def test_small_profile_has_one_process_a_step():
    assert set(processes(limited("64", models={"profile": "small"})).values()) == {"1"}


@pytest.mark.parametrize(("profile", "waiting"), [("balanced", "1"), ("throughput", "2")])
def test_on_the_cpu_the_networks_have_the_cores(profile, waiting):
    found = processes({"mode": "cpu", "models": {"profile": profile}})
    planned = cpu_profile(profile, 1000, 8).step_processes
    assert found == {name: str(count) for name, count in planned.items()}
    assert found.pop("dbnet_postprocess") == waiting
    assert set(found.values()) == {"1"}


def test_processes_of_a_step_can_be_said():
    values = {"server": {"stepProcesses": {"text_crop": 3}}}
    assert processes(values) == {**processes({}), "text_crop": "3"}


def test_profile_reaches_the_build():
    assert "--profile" not in build_options({})
    words = build_options({"models": {"profile": "latency"}})
    assert words[words.index("--profile") + 1] == "latency"


def test_networks_are_placed_on_the_cores_and_the_memory_that_the_server_may_use():
    """Not on the node's, which a thread each would have to share the limit of; nor on the build's own."""
    for name, resource in (("OCDRNET_CORES", "limits.cpu"), ("OCDRNET_MEMORY", "limits.memory")):
        limit = {"resourceFieldRef": {"containerName": "triton", "resource": resource, "divisor": "1"}}
        for values in ({}, INIT, JOB):
            assert variable(builder(values), name) == limit
        (job,) = jobs(AHEAD)
        assert variable(job_spec(job)["containers"][0], name) is None


def test_job_downloads_and_pods_wait_for_its_mark_then_build():
    (job,) = jobs(JOB)
    (prepare,) = job_spec(job)["containers"]
    *downloads, _, mark = script(prepare).splitlines()
    assert downloads == DOWNLOADS
    path = mark.removeprefix("touch ")
    assert path.startswith("/cache/prepared/")
    wait, build = script(builder(JOB)).splitlines()
    assert wait.startswith(f"until [ -e {path} ]")
    assert build.startswith(
        "ocdrnet models build --output /repository --engine tensorrt --detector ocdnet-v1.0-resnet18 "
    )


def test_only_the_job_has_the_key():
    (job,) = jobs(JOB)
    assert variable(job_spec(job)["containers"][0], "NGC_API_KEY") == KEY
    with_key = [each["name"] for each in containers(objects(JOB)) if variable(each, "NGC_API_KEY")]
    assert with_key == ["prepare"]


def test_without_a_job_the_pod_downloads():
    assert jobs(INIT) == []
    assert script(builder(INIT)).splitlines()[:2] == DOWNLOADS
    assert variable(builder(INIT), "NGC_API_KEY") == KEY
    assert variable(triton(INIT), "NGC_API_KEY") is None


def test_a_downloading_job_takes_no_gpu_and_a_building_one_does():
    assert "nvidia.com/gpu" not in job_spec(jobs(JOB)[0])["containers"][0]["resources"]["limits"]
    assert job_spec(jobs(AHEAD)[0])["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "ocdrnet models build" in script(job_spec(jobs(AHEAD)[0])["containers"][0])


def test_pods_build_with_the_gpu_that_serves():
    values = {"server": {"gpu": {"resourceName": "nvidia.com/mig-1g.10gb", "count": 2}}}
    for container in (builder(values), triton(values)):
        assert container["resources"]["limits"]["nvidia.com/mig-1g.10gb"] == 2
    assert "nvidia.com/gpu" not in triton({"mode": "cpu"})["resources"]["limits"]


@pytest.mark.parametrize("change", [{"detector": "ocdnet-v2.4"}, {"prepareJob": {"buildPlans": True}}])
def test_other_networks_are_another_job(change):
    assert jobs(JOB)[0]["metadata"]["name"] != jobs({"models": {**NVIDIA, **change}})[0]["metadata"]["name"]


@pytest.mark.parametrize(
    "change",
    [
        {"models": {"prepareResources": {"limits": {"cpu": "9"}}}},
        {"commonLabels": {"a": "b"}},
        {"cache": {"size": "9Gi"}},
    ],
)
def test_a_job_whose_template_changes_has_another_name(change):
    """Since a Job's template cannot be changed, an upgrade would fail."""
    first, second = jobs(JOB)[0], jobs(merged(JOB, change))[0]
    assert (first["spec"] == second["spec"]) == (first["metadata"]["name"] == second["metadata"]["name"])


def test_another_image_is_another_job():
    other = {**JOB, "images": {"server": {"tag": "0.2.0"}}}
    assert jobs(JOB)[0]["metadata"]["name"] != jobs(other)[0]["metadata"]["name"]


def test_more_replicas_change_nothing_about_preparation():
    assert [j["metadata"]["name"] for j in jobs({**JOB, "server": {"replicas": 5}})] == [
        j["metadata"]["name"] for j in jobs(JOB)
    ]


def test_plans_are_kept_in_the_claim_and_the_repository_is_the_pods_own():
    volumes = {volume["name"]: volume for volume in server(JOB)["volumes"]}
    assert volumes["cache"]["persistentVolumeClaim"] == {"claimName": "demo-ocdrnet-cache"}
    assert "emptyDir" in volumes["repository"]
    assert variable(builder(JOB), "OCDRNET_CACHE") == "/cache"
    mounts = {mount["name"]: mount for mount in triton(JOB)["volumeMounts"]}
    assert "cache" not in mounts
    assert mounts["repository"]["readOnly"] is True


def test_claim_is_shared_and_outlives_the_release():
    claim = the({}, "PersistentVolumeClaim", "demo-ocdrnet-cache")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert "storageClassName" not in claim["spec"]
    fast = the({"cache": {"storageClassName": "fast", "keep": False}}, "PersistentVolumeClaim", "demo-ocdrnet-cache")
    assert fast["spec"]["storageClassName"] == "fast"
    assert "annotations" not in fast["metadata"]
    assert of_kind({"cache": {"existingClaim": "plans"}}, "PersistentVolumeClaim") == []


def test_a_volume_of_one_node_keeps_its_users_together():
    (job,) = jobs(ONCE)
    for spec, labels in (
        (server(ONCE), the(ONCE, "Deployment")["spec"]["template"]["metadata"]["labels"]),
        (job_spec(job), job["spec"]["template"]["metadata"]["labels"]),
    ):
        (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert term["labelSelector"]["matchLabels"] == {"ocdrnet.io/cache": labels["ocdrnet.io/cache"]}
    assert "topologySpreadConstraints" not in server(ONCE)


def test_a_shared_volume_lets_pods_spread():
    (spread,) = server(JOB)["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["ocdrnet.io/pair"] == "default"
    assert "affinity" not in server(JOB)


def test_networks_come_out_of_an_image():
    values = {"models": {**NVIDIA, "offline": {"image": "networks:1", "path": "/networks"}}}
    (copy,) = job_spec(jobs(values)[0])["initContainers"]
    assert (copy["image"], copy["command"]) == ("networks:1", ["cp", "-R", "/networks/.", "/offline"])
    prepare = job_spec(jobs(values)[0])["containers"][0]
    assert script(prepare).splitlines()[:2] == [f"{download} --from /offline" for download in DOWNLOADS]
    assert variable(prepare, "NGC_API_KEY") is None


@pytest.mark.parametrize(
    ("offline", "path"),
    [
        ({"existingClaim": "networks", "path": "/nvidia"}, "/offline/nvidia"),
        ({"path": "/opt/networks"}, "/opt/networks"),
    ],
)
def test_networks_come_from_a_claim_or_the_image_itself(offline, path):
    prepare = job_spec(jobs({"models": {**NVIDIA, "offline": offline}})[0])["containers"][0]
    assert script(prepare).splitlines()[0] == f"{DOWNLOADS[0]} --from {path}"


@pytest.mark.parametrize("charset", ["latin", "0123456789", "it's", '"$HOME" `x`; #'])
def test_characters_reach_the_build_as_they_are(charset):
    words = shlex.split(script(builder({"models": {"charset": charset}})))
    assert words[words.index("--charset") + 1] == charset


def test_an_own_network_comes_with_its_card():
    offline = {"existingClaim": "networks"}
    values = {"models": {"detector": "/offline/own.onnx", "detectorCard": "/offline/own.json", "offline": offline}}
    assert " --detector /offline/own.onnx " in script(builder(values))
    assert " --detector-card /offline/own.json" in script(builder(values))
    assert {"name": "offline", "mountPath": "/offline", "readOnly": True} in builder(values)["volumeMounts"]
    claim = {"claimName": "networks", "readOnly": True}
    assert {"name": "offline", "persistentVolumeClaim": claim} in server(values)["volumes"]


def test_a_repository_in_the_image_is_served_as_it_is():
    values = {"models": {"prepare": "none", "servedRepository": "/opt/repository"}}
    assert "initContainers" not in server(values)
    assert of_kind(values, "PersistentVolumeClaim") == []
    assert "--model-repository=/opt/repository" in triton(values)["args"]


def test_each_pair_has_its_own_pods_and_what_it_does_not_say_is_as_above():
    street = {"models": {"detector": "ocdnet-v2.3"}, "server": {"replicas": 3, "gpu": {"products": ["NVIDIA-L4"]}}}
    values = {"models": NVIDIA, "server": {"exitTimeoutSeconds": 99}, "extraPairs": {"street": street}}
    deployment = the(values, "Deployment", "demo-ocdrnet-street")
    assert deployment["spec"]["replicas"] == 3
    assert "--exit-timeout-secs=99" in triton(values, "demo-ocdrnet-street")["args"]
    assert "--detector ocdnet-v2.3 --recognizer ocrnet-v1.0.1" in script(
        server(values, "demo-ocdrnet-street")["initContainers"][0]
    )
    assert the(values, "Deployment")["spec"]["replicas"] == 1
    assert "affinity" not in server(values)
    assert len(jobs(values)) == 2


def test_gpu_products_are_demanded_of_the_node():
    affinity = server({"server": {"gpu": {"products": ["Tesla-T4", "NVIDIA-L4"]}}})["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["Tesla-T4", "NVIDIA-L4"]}
    ]
