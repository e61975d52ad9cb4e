"""The "restricted" Pod Security Standard, and what else the project asks of a pod.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Iterator

# The volume types that the standard allows and the chart uses.
_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "projected", "downwardAPI", "ephemeral", "csi"}
_HOST_KEYS = ("hostNetwork", "hostPID", "hostIPC")


def violations(spec: dict) -> Iterator[str]:
    """What a pod's spec has against the standard, or lacks by the project's own rules."""
    pod = spec.get("securityContext", {})
    yield from (f"pod: {key}" for key in _HOST_KEYS if spec.get(key))
    yield from (f"volume {v['name']}" for v in spec.get("volumes", []) if not _is_allowed(v))
    if spec.get("automountServiceAccountToken") is not False:
        yield "pod: service-account token"
    if pod.get("runAsNonRoot") is not True or pod.get("runAsUser", 0) == 0:
        yield "pod: may run as root"
    if pod.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "pod: seccomp"
    for container in spec.get("initContainers", []) + spec["containers"]:
        yield from (f"{container['name']}: {what}" for what in _container(container))


def _is_allowed(volume: dict) -> bool:
    sources = set(volume) - {"name"}
    return len(sources) == 1 and sources <= _VOLUMES


def _container(container: dict) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "privilege escalation"
    if context.get("privileged") or context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        yield "privileged or root"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "capabilities"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "writable root"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "host port"
    resources = container.get("resources", {})
    yield from (
        f"no {kind} of {what}"
        for kind in ("requests", "limits")
        for what in ("cpu", "memory")
        if what not in resources.get(kind, {})
    )
