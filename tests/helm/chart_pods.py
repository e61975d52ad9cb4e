"""Finds pods and containers of a rendered release."""

from collections.abc import Mapping

from chart_render import of_kind, pod_specs, the

NVIDIA = {
    "detector": "ocdnet-v1.0-resnet18",
    "recognizer": "ocrnet-v1.0.1",
    "acceptNvidiaEula": True,
    "ngc": {"existingSecret": "ngc-key"},
}


def server(values: Mapping, name: str = "demo-ocdrnet") -> dict:
    """Pod spec of Triton."""
    return the(values, "Deployment", name)["spec"]["template"]["spec"]


def triton(values: Mapping, name: str = "demo-ocdrnet") -> dict:
    """The container of Triton."""
    return server(values, name)["containers"][0]


def builder(values: Mapping) -> dict:
    """The container that builds in Triton's pod."""
    return next(each for each in server(values)["initContainers"] if each["name"] == "build")


def jobs(values: Mapping) -> list[dict]:
    """Preparation Jobs."""
    return [job for job in of_kind(values, "Job") if "-prepare-" in job["metadata"]["name"]]


def job_spec(job: dict) -> dict:
    return job["spec"]["template"]["spec"]


def script(container: dict) -> str:
    (text,) = container["args"]
    return text


def variable(container: dict, name: str) -> object:
    """An environment variable's value or source; None where it is not set."""
    for each in container["env"]:
        if each["name"] == name:
            return each.get("value") or each["valueFrom"]
    return None


def containers(manifests: list[dict]) -> list[dict]:
    return [each for _, spec in pod_specs(manifests) for each in spec.get("initContainers", []) + spec["containers"]]
