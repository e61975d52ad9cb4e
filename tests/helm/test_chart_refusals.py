"""Values that cannot work are refused with a message that names the key."""

import pytest
from chart_matrix import merged
from chart_render import objects
from helm_python import HelmError

NVIDIA = {"models": {"detector": "ocdnet-v2.4", "recognizer": "ocrnet-v2.0.1"}}
NGC = merged(NVIDIA, {"models": {"acceptNvidiaEula": True, "ngc": {"existingSecret": "key"}}})
GATEWAY = {"gateway": {"enabled": True, "keysSecret": "keys"}}
ROUTE = {"enabled": True, "parentRefs": [{"name": "public"}]}
BULK = {"enabled": True, "source": "in", "output": "out"}

# What is wrong, by the key that the message must hold; those that the schema catches first.
BY_SCHEMA = [
    ({"replicas": 3}, "replicas"),
    ({"server": {"replica": 3}}, "replica"),
    ({"server": {"tls": {"secret": "x"}}}, "secret"),
    ({"mode": "tpu"}, "mode"),
    ({"models": {"engine": "onnx"}}, "models/engine"),
    ({"models": {"profile": "fast"}}, "models/profile"),
    ({"server": {"stepProcesses": {"ocdnet": 2}}}, "server/stepProcesses"),
    ({"server": {"stepProcesses": {"text_crop": 0}}}, "server/stepProcesses/text_crop"),
    ({"models": {"detector": "Not A Network"}}, "models/detector"),
    ({"models": {"maxCandidates": -1}}, "models/maxCandidates"),
    (
        {"models": {"prepareResources": {"limits": {"cpu": "1", "memory": "4 GB"}}}},
        "models/prepareResources/limits/memory",
    ),
    ({"images": {"server": {"digest": "sha256:123"}}}, "images/server/digest"),
    ({"images": {"server": {"pullPolicy": "Sometimes"}}}, "images/server/pullPolicy"),
    ({"cache": {"accessMode": "ReadWriteSome"}}, "cache/accessMode"),
    ({"cache": {"size": "20 gigabytes"}}, "cache/size"),
    ({"server": {"exitTimeoutSeconds": 0}}, "server/exitTimeoutSeconds"),
    ({"server": {"replicas": "three"}}, "server/replicas"),
    ({"server": {"gpu": {"resourceName": "gpu"}}}, "server/gpu/resourceName"),
    ({"server": {"tolerations": [{"kee": "x"}]}}, "server/tolerations/0"),
    ({"server": {"extraFlags": ["-v"]}}, "server/extraFlags/0"),
    ({"autoscaling": {"type": "vpa"}}, "autoscaling/type"),
    ({"autoscaling": {"queueMilliseconds": 0.5}}, "autoscaling/queueMilliseconds"),
    ({"networkPolicy": {"clients": [{"podSelektor": {}}]}}, "networkPolicy/clients/0"),
    ({"networkPolicy": {"download": [{"ipBlock": {"cidr": "everywhere"}}]}}, "networkPolicy/download/0/ipBlock/cidr"),
    ({"security": {"runAsUser": 0}}, "security/runAsUser"),
    ({"podDisruptionBudget": {"maxUnavailable": "half"}}, "podDisruptionBudget/maxUnavailable"),
    ({"gateway": {"settings": {"NOT A NAME": "x"}}}, "gateway/settings"),
    ({"extraPairs": {"default": {}}}, "extraPairs"),
    ({"extraPairs": {"street": {"gateway": {}}}}, "extraPairs/street"),
    ({"extraPairs": {"street": {"server": {"replica": 1}}}}, "extraPairs/street/server"),
    ({"bulk": {"shards": 0}}, "bulk/shards"),
    ({"loadtest": {"runTime": "soon"}}, "loadtest/runTime"),
    ({"tests": {"words": []}}, "tests/words"),
    ({"tests": {"words": ["$(id)"]}}, "tests/words/0"),
]
# Those where two values contradict each other.
BY_TEMPLATE = [
    (NVIDIA, "models.acceptNvidiaEula"),
    (merged(NVIDIA, {"models": {"acceptNvidiaEula": True}}), "models.ngc.existingSecret"),
    ({"extraPairs": {"street": NVIDIA}}, "extraPairs.street.models.acceptNvidiaEula"),
    ({"models": {"prepare": "none"}}, "models.servedRepository"),
    ({"models": {"servedRepository": "/opt/x"}}, "models.prepare"),
    ({"models": {"engine": "cuda", "profile": "latency"}}, "models.profile"),
    ({"models": {"prepareJob": {"buildPlans": True}}, "cache": {"persistent": False}}, "cache.persistent"),
    ({"models": {"offline": {"image": "x:1"}}}, "models.offline.path"),
    ({"models": {"offline": {"image": "x:1", "path": "/x", "existingClaim": "y"}}}, "models.offline.existingClaim"),
    ({"mode": "cpu", "server": {"tls": {"existingSecret": "x"}}}, "server.tls.existingSecret"),
    ({"mode": "cpu", "server": {"extraFlags": ["--x"]}}, "server.extraFlags"),
    ({"mode": "cpu", "server": {"admin": {"existingSecret": "x"}}}, "server.admin.existingSecret"),
    ({"server": {"tls": {"mutual": True}}}, "server.tls.mutual"),
    ({"server": {"tls": {"existingSecret": "x", "mutual": True}}, "bulk": BULK}, "bulk.enabled"),
    ({"server": {"strategy": {"maxSurge": "0%", "maxUnavailable": 0}}}, "server.strategy.maxSurge"),
    ({"autoscaling": {"minReplicas": 5}}, "autoscaling.minReplicas"),
    ({"autoscaling": {"type": "hpa", "minReplicas": 0}}, "autoscaling.type"),
    ({"autoscaling": {"type": "keda", "minReplicas": 0}}, "autoscaling.keda.wakeQuery"),
    ({"autoscaling": {"type": "hpa"}, "extraPairs": {"a": {"autoscaling": {"window": "5m"}}}}, "autoscaling.window"),
    ({"gateway": {"enabled": True}}, "gateway.keysSecret"),
    (merged(GATEWAY, {"gateway": {"replicas": 2}}), "gateway.store"),
    (merged(GATEWAY, {"gateway": {"replicas": 2, "store": "s3://x"}}), "gateway.secretSettings.SECRET"),
    (merged(GATEWAY, {"gateway": {"autoscaling": {"minReplicas": 9}}}), "gateway.autoscaling.minReplicas"),
    (merged(GATEWAY, {"server": {"enabled": False}}), "gateway.tritonUrl"),
    ({"loadtest": {"enabled": True}, "server": {"enabled": False}}, "loadtest.enabled"),
    ({"extraPairs": {"street": {}}, "server": {"enabled": False}}, "extraPairs"),
    ({"ingress": {"enabled": True}}, "ingress.hosts"),
    ({"ingress": {"hosts": [{"host": "x", "backend": "gateway"}]}}, "ingress.hosts"),
    ({"ingress": {"hosts": [{"host": "x", "backend": "http"}]}, "service": {"http": False}}, "service.http"),
    ({"ingress": {"hosts": [{"host": "x", "backend": "http"}]}, "mode": "cpu"}, "mode gpu"),
    ({"ingress": {"hosts": [{"host": "x", "backend": "http", "pair": "y"}]}}, "extraPairs"),
    ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs"),
    ({"httpRoute": ROUTE}, "httpRoute.backend"),
    ({"httpRoute": {**ROUTE, "backend": "http"}, "service": {"http": False}}, "service.http"),
    ({"grpcRoute": {**ROUTE, "pair": "street"}}, "grpcRoute.pair"),
    ({"grpcRoute": ROUTE, "server": {"enabled": False}}, "grpcRoute.enabled"),
    ({"bulk": {"enabled": True, "output": "out"}}, "bulk.source"),
    ({"bulk": {"enabled": True, "source": "s3://a", "output": "out"}}, "networkPolicy.objectStore"),
    (merged(GATEWAY, {"gateway": {"store": "s3://a"}}), "networkPolicy.objectStore"),
    (merged(GATEWAY, {"gateway": {"settings": {"ALLOWED_HOSTS": "hooks.example"}}}), "networkPolicy.allowedHosts"),
    ({"server": {"tracing": {"url": "http://x"}}}, "networkPolicy.tracing"),
    (merged(NGC, {"networkPolicy": {"download": []}}), "networkPolicy.download"),
    ({"bulk": {"enabled": True, "source": "in"}}, "bulk.output"),
]


@pytest.mark.parametrize(("values", "key"), BY_SCHEMA + BY_TEMPLATE)
def test_wrong_values_are_refused_by_name(values, key):
    with pytest.raises(HelmError) as refused:
        objects(values)
    assert key in str(refused.value)


@pytest.mark.parametrize("value", [{"global": {"imageRegistry": "x"}}, {"server": {"tolerations": []}}])
def test_what_is_right_is_taken(value):
    assert objects(value)
