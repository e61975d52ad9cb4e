"""Combinations of values in which every two settings that go together meet at least once."""

import functools
import itertools
import random
from collections.abc import Iterator

AT_LEAST = 60
_NVIDIA = {"detector": "ocdnet-v2.4", "recognizer": "ocrnet-v2.0.1", "acceptNvidiaEula": True}
_MIG = {"gpu": {"resourceName": "nvidia.com/mig-1g.10gb", "products": ["NVIDIA-A100-SXM4-80GB"]}}
_PARENT = [{"name": "public", "namespace": "gateways"}]
_SHARED = {"store": "s3://assets", "secretSettings": {"SECRET": "s" * 20}}
_STORE = {"networkPolicy": {"objectStore": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}}
_COLLECTOR = {"networkPolicy": {"tracing": [{"namespaceSelector": {}}]}}
_INGRESS_TLS = [{"secretName": "web", "hosts": ["ocr.example.com"]}]
_SCRAPED = {"monitoring": {"rules": True, "dashboard": True}}

FACTORS: dict[str, dict[str, dict]] = {
    "mode": {"gpu": {}, "cpu": {"mode": "cpu"}},
    "networks": {"default": {}, "nvidia": {"models": {**_NVIDIA, "ngc": {"existingSecret": "ngc-key"}}}},
    "prepare": {
        "job": {},
        "ahead": {"models": {"prepareJob": {"buildPlans": True}}},
        "init": {"models": {"prepare": "initContainer"}},
        "none": {"models": {"prepare": "none", "servedRepository": "/opt/repository"}},
    },
    "cache": {
        "many": {},
        "once": {"cache": {"accessMode": "ReadWriteOnce", "storageClassName": "fast", "keep": False}},
        "existing": {"cache": {"existingClaim": "plans"}},
        "empty": {"cache": {"persistent": False}},
    },
    "offline": {
        "no": {},
        "image": {"models": {"offline": {"image": "networks:1", "path": "/networks"}}},
        "claim": {"models": {"offline": {"existingClaim": "networks", "path": "/nvidia"}}},
        "path": {"models": {"offline": {"path": "/opt/networks"}}},
    },
    "tls": {
        "no": {},
        "server": {"server": {"tls": {"existingSecret": "tls"}}},
        "mutual": {"server": {"tls": {"existingSecret": "tls", "mutual": True}}},
    },
    "scaling": {
        "no": {},
        "hpa": {"autoscaling": {"type": "hpa"}},
        "keda": {"autoscaling": {"type": "keda"}},
        "zero": {"autoscaling": {"type": "keda", "minReplicas": 0, "keda": {"wakeQuery": "sum(up)"}}},
    },
    "scrape": {
        "no": {},
        "services": {"monitoring": {"scrape": "serviceMonitor", "labels": {"release": "prometheus"}}},
        "pods": {"monitoring": {"scrape": "podMonitor"}},
        "rules": _SCRAPED,
    },
    "gateway": {
        "no": {},
        "one": {"gateway": {"enabled": True, "allowAnonymous": True}},
        "scaled": {
            "gateway": {"enabled": True, "keysSecret": "keys", "autoscaling": {"enabled": True}, **_SHARED},
            **_STORE,
        },
        "elsewhere": {"gateway": {"enabled": True, "keysSecret": "keys", "tritonUrl": "grpc://triton:8001"}},
    },
    "access": {
        "no": {},
        "ingress": {"ingress": {"enabled": True, "hosts": [{"host": "ocr.example.com", "backend": "http"}]}},
        "ingress-gateway": {
            "ingress": {
                "enabled": True,
                "hosts": [{"host": "ocr.example.com", "backend": "gateway"}],
                "tls": _INGRESS_TLS,
            }
        },
        "http": {"httpRoute": {"enabled": True, "parentRefs": _PARENT, "backend": "http"}},
        "grpc": {"grpcRoute": {"enabled": True, "parentRefs": _PARENT, "hostnames": ["*.example.com"]}},
        "balanced": {"service": {"type": "LoadBalancer", "headless": False, "annotations": {"a": "b"}}},
    },
    "network": {
        "on": {},
        "off": {"networkPolicy": {"enabled": False}},
        "open": {
            "networkPolicy": {
                "clients": [{"namespaceSelector": {}}],
                **{key: [{"podSelector": {}}] for key in ("objectStore", "allowedHosts")},
            }
        },
    },
    "pairs": {
        "one": {},
        "two": {"extraPairs": {"second": {"models": {"charset": "digits"}, "server": {"replicas": 2}}}},
    },
    "bulk": {"no": {}, "yes": {"bulk": {"enabled": True, "source": "/data/in", "output": "/data/out"}}},
    "loadtest": {"no": {}, "yes": {"loadtest": {"enabled": True}}},
    "tracing": {"no": {}, "yes": {"server": {"tracing": {"url": "http://collector:4318/v1/traces"}}, **_COLLECTOR}},
    "placement": {"plain": {}, "slices": {"server": {**_MIG, "nodeSelector": {"pool": "gpu"}}}},
    "names": {
        "plain": {},
        "own": {"fullnameOverride": "ocr", "commonLabels": {"team": "x"}, "serviceAccount": {"create": False}},
    },
}


def _is_allowed(chosen: dict[str, str]) -> bool:
    own_gateway = chosen["gateway"] in ("one", "scaled")
    has_job = chosen["prepare"] == "ahead" or (chosen["prepare"] == "job" and chosen["networks"] == "nvidia")
    return not (
        (chosen["mode"] == "cpu" and chosen["tls"] != "no")
        or (chosen["mode"] == "cpu" and chosen["access"] in ("ingress", "http"))  # Triton's HTTP
        or (chosen["tls"] == "mutual" and (own_gateway or chosen["bulk"] == "yes" or chosen["loadtest"] == "yes"))
        or (chosen["cache"] == "empty" and has_job)
        or (chosen["access"] == "ingress-gateway" and chosen["gateway"] == "no")
    )


def merged(*layers: dict) -> dict:
    """Values over values, as Helm merges them."""
    result: dict = {}
    for layer in layers:
        for key, value in layer.items():
            is_group = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if is_group else value
    return result


def _pairs(chosen: dict[str, str]) -> set[tuple]:
    return set(itertools.combinations(sorted(chosen.items()), 2))


def _candidates(seed: int) -> Iterator[dict[str, str]]:
    rng = random.Random(seed)
    while True:
        chosen = {factor: rng.choice(list(levels)) for factor, levels in FACTORS.items()}
        if _is_allowed(chosen):
            yield chosen


def possible_pairs() -> set[tuple]:
    """Every two settings that some allowed combination has together, as far as 8,000 random ones show."""
    return set().union(*map(_pairs, itertools.islice(_candidates(1), 8_000)))


@functools.cache
def combinations() -> tuple[tuple[str, dict], ...]:
    """Name and values of each combination: greedily the one of 60 that has most pairs not seen yet."""
    left, found, candidates = possible_pairs(), [], _candidates(2)
    while left or len(found) < AT_LEAST:
        best = max(itertools.islice(candidates, 60), key=lambda chosen: len(_pairs(chosen) & left))
        left -= _pairs(best)
        found.append(best)
    return tuple((_name(chosen), _values(chosen)) for chosen in found)


def _name(chosen: dict[str, str]) -> str:
    return ",".join(f"{factor}={level}" for factor, level in chosen.items() if level != next(iter(FACTORS[factor])))


def _values(chosen: dict[str, str]) -> dict:
    return merged(*(FACTORS[factor][level] for factor, level in chosen.items()))
