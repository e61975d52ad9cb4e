"""What a release's network policies let through.

By Kubernetes' rules policies add up, and a pod that no policy names is open.
"""

from chart_render import of_kind


def _selects(selector: dict, labels: dict) -> bool:
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))


def _is_peer(peer: dict, other: dict) -> bool:
    """`other` is {"labels", "namespace"} of a pod; without a namespace, one of the release's own."""
    if "ipBlock" in peer:
        return "address" in other
    if "namespaceSelector" in peer:
        namespace = other.get("namespace")
        return namespace is not None and _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": namespace})
    return "namespace" not in other and "address" not in other and _selects(peer["podSelector"], other["labels"])


def _lets(rules: list[dict], side: str, other: dict, port: int) -> bool:
    for rule in rules:
        peers = rule.get(side)
        ports = {each["port"] for each in rule.get("ports", [])}
        if (peers is None or any(_is_peer(peer, other) for peer in peers)) and (not ports or port in ports):
            return True
    return False


def _passes(values: dict, direction: str, pod: dict, other: dict, port: int) -> bool:
    side = {"Ingress": "from", "Egress": "to"}[direction]
    policies = [
        p["spec"] for p in of_kind(values, "NetworkPolicy") if _selects(p["spec"]["podSelector"], pod["labels"])
    ]
    applying = [policy for policy in policies if direction in policy["policyTypes"]]
    return not applying or any(_lets(policy.get(direction.lower(), []), side, other, port) for policy in applying)


def component(name: str, **labels: str) -> dict:
    """A pod of the release."""
    own = {"app.kubernetes.io/name": "ocdrnet", "app.kubernetes.io/instance": "demo", "ocdrnet.io/pair": "default"}
    return {"labels": {**own, "app.kubernetes.io/component": name, **labels}}


def accepts(values: dict, pod: dict, caller: dict, port: int) -> bool:
    return _passes(values, "Ingress", pod, caller, port)


def may_call(values: dict, pod: dict, target: dict, port: int) -> bool:
    return _passes(values, "Egress", pod, target, port)
