"""Every way to install renders, fits the schemas, and its objects fit each other."""

import copy
import itertools
import re

import pytest
from chart_matrix import AT_LEAST, FACTORS, combinations, merged, possible_pairs
from chart_render import CI, ci_values, objects, pod_specs, rendered, the
from chart_schemas import VERSIONS, problems

INSTALLS = [pytest.param(ci_values(path), id=path.stem) for path in CI]
MATRIX = [pytest.param(values, id=name or "default") for name, values in combinations()]
WAYS = ["cpu-demo", "one-gpu", "t4", "l4", "a100", "h100", "mig", "several-pairs", "air-gapped", "tls", "keda"]
WAYS += ["gateway-only", "bulk", "loadtest"]
# Made by users, not by the chart.
GIVEN = {"ngc-key", "tls", "keys", "plans", "networks", "gateway-keys", "gateway-environment", "bucket-keys"}
GIVEN |= {"triton-tls", "triton-admin", "default"}


def test_there_is_a_file_for_each_way_to_install():
    assert sorted(path.name.removesuffix("-values.yaml") for path in CI) == sorted(WAYS)


def test_every_version_since_1_28_is_checked():
    minors = [int(version.split(".")[1]) for version in VERSIONS]
    assert minors == list(range(28, minors[-1] + 1))
    assert minors[-1] >= 37


def test_matrix_has_every_pair_of_settings_at_least_once():
    assert len(combinations()) >= AT_LEAST
    seen_apart = {level for factor in FACTORS for level in FACTORS[factor]}
    assert {pair for both in possible_pairs() for _, pair in both} == seen_apart


@pytest.mark.full
@pytest.mark.parametrize("values", INSTALLS + MATRIX)
def test_objects_fit_the_schemas(values):
    assert [problem for manifest in objects(values) for problem in problems(manifest)] == []


@pytest.mark.parametrize("values", INSTALLS + MATRIX)
def test_objects_fit_each_other(values):
    manifests = objects(values)
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests]
    assert len(names) == len(set(names))
    assert dangling_selectors(manifests) == []
    assert missing_references(manifests) == []
    assert bad_names(manifests) == []


@pytest.mark.parametrize("values", INSTALLS)
def test_every_object_says_whose_it_is(values):
    for manifest in objects(values):
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "demo"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("ocdrnet-")
        assert labels["app.kubernetes.io/version"]


def test_own_labels_are_on_every_object_and_pod():
    values = merged({"commonLabels": {"team": "documents"}}, *(FACTORS["bulk"]["yes"], FACTORS["gateway"]["one"]))
    assert {manifest["metadata"]["labels"]["team"] for manifest in objects(values)} == {"documents"}
    assert {labels["team"] for labels in pod_labels(objects(values))} == {"documents"}


@pytest.mark.parametrize("values", INSTALLS + MATRIX)
def test_nothing_is_rendered_without_a_value(values):
    assert [name for name, text in rendered(values).items() if re.search(r"<no value>|<nil>|%!", text)] == []


def test_jobs_of_one_name_are_one_job():
    """A Job's template cannot be changed: were a name used twice, an upgrade between the two would fail."""
    specs = {}
    for param in INSTALLS + MATRIX:
        for job in (each for each in objects(param.values[0]) if each["kind"] == "Job"):
            specs.setdefault(job["metadata"]["name"], []).append(job["spec"])
    assert len(specs) > 20
    assert [name for name, found in specs.items() if any(spec != found[0] for spec in found)] == []


def test_an_unknown_key_in_a_manifest_is_noticed():
    deployment = copy.deepcopy(the({}, "Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    assert len(problems(deployment)) == len(VERSIONS)


@pytest.mark.parametrize(
    "kind", ["ScaledObject", "ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute", "GRPCRoute"]
)
def test_an_unknown_key_in_an_object_of_another_api_is_noticed(kind):
    everywhere = itertools.chain.from_iterable(objects(param.values[0]) for param in INSTALLS)
    manifest = copy.deepcopy(next(each for each in everywhere if each["kind"] == kind))
    assert problems(manifest) == []
    manifest["spec"]["selektor"] = {}
    assert problems(manifest) != []


def test_names_stay_short_enough_with_the_longest_release_and_pair():
    run = {"enabled": True, "source": "/data/in", "output": "/data/out", "run": "c" * 12}
    models = {"prepareJob": {"buildPlans": True}}
    values = {"fullnameOverride": "a" * 30, "extraPairs": {"b" * 13: {}}, "bulk": run, "models": models}
    assert bad_names(objects({**values, "cache": {"accessMode": "ReadWriteOnce"}})) == []


def selects(selector, labels):
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))


def pod_labels(manifests):
    for manifest, _ in pod_specs(manifests):
        yield (manifest if manifest["kind"] == "Pod" else manifest["spec"]["template"])["metadata"]["labels"]


def selectors(manifests):
    for manifest in manifests:
        spec, kind = manifest.get("spec", {}), manifest["kind"]
        if kind == "Service":
            yield f"Service {manifest['metadata']['name']}", {"matchLabels": spec["selector"]}
        elif kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
            yield f"{kind} {manifest['metadata']['name']}", spec["selector"]
        elif kind == "NetworkPolicy":
            yield f"NetworkPolicy {manifest['metadata']['name']}", spec["podSelector"]


def dangling_selectors(manifests):
    """Selectors that no pod of the release has."""
    pods = list(pod_labels(manifests))
    return [name for name, selector in selectors(manifests) if not any(selects(selector, labels) for labels in pods)]


def references(manifests):
    for _, spec in pod_specs(manifests):
        yield "ServiceAccount", spec["serviceAccountName"]
        for volume in spec.get("volumes", []):
            yield "Secret", volume.get("secret", {}).get("secretName")
            yield "ConfigMap", volume.get("configMap", {}).get("name")
            yield "PersistentVolumeClaim", volume.get("persistentVolumeClaim", {}).get("claimName")
        for container in spec.get("initContainers", []) + spec["containers"]:
            for source in container.get("envFrom", []):
                yield "Secret", source["secretRef"]["name"]
            for variable in container.get("env", []):
                yield "Secret", variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name")
    for manifest in manifests:
        if manifest["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            yield "Deployment", manifest["spec"]["scaleTargetRef"]["name"]
        for rule in (
            manifest.get("spec", {}).get("rules", []) if manifest["kind"].endswith(("Route", "Ingress")) else []
        ):
            for backend in rule.get("backendRefs", []):
                yield "Service", backend["name"]
            for path in rule.get("http", {}).get("paths", []):
                yield "Service", path["backend"]["service"]["name"]


def missing_references(manifests):
    """Objects that are named, and neither made by the chart nor given by the user."""
    made = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in manifests}
    return [each for each in references(manifests) if each[1] and each[1] not in GIVEN and each not in made]


def bad_names(manifests):
    """Names and labels that Kubernetes would refuse; 63 minus the suffix of a pod's name is the tightest."""
    label = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
    names = [
        m["metadata"]["name"]
        for m in manifests
        if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", m["metadata"]["name"])
    ]
    labels = [value for each in pod_labels(manifests) for value in each.values() if not label.fullmatch(value)]
    return names + labels
