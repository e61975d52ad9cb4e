"""Synthetic series, one sample a minute, and what each alert makes of them."""

from dataclasses import dataclass, field

SERVER = {"namespace": "ocr", "pod": "demo-ocdrnet-6d4cf56db6-x2x7z", "instance": "10.0.0.7:8002"}
GATEWAY = {"namespace": "ocr", "pod": "demo-ocdrnet-gateway-7f9c-abcde", "instance": "10.0.0.8:9000"}
_ON = f"{SERVER['pod']} {SERVER['instance']}"
_THROUGH = f"{GATEWAY['pod']} {GATEWAY['instance']}"


@dataclass(frozen=True)
class Case:
    """Series, and the first minute at which the alert fires; without `fires` it is silent then."""

    alert: str
    what: str
    series: dict[str, str]
    minute: int
    fires: str = ""  # the summary
    labels: dict[str, str] = field(default_factory=dict)


def series(metric, labels, values):
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {f"{metric}{{{inside}}}": values}


def done(model, values):
    return series("nv_inference_request_success", {**SERVER, "job": "triton", "model": model}, values)


def failed(model, values, reason="BACKEND"):
    labels = {**SERVER, "job": "triton", "model": model, "reason": reason}
    return series("nv_inference_request_failure", labels, values)


def took(per_minute):
    """Microseconds of the ensemble."""
    return series("nv_inference_request_duration_us", {**SERVER, "model": "ocdrnet"}, f"0+{per_minute}x60")


def queued(per_minute, model="ocdnet"):
    """Microseconds in a step's queue."""
    return series("nv_inference_queue_duration_us", {**SERVER, "model": model}, f"0+{per_minute}x60")


def pending(values, model="ocdnet"):
    return series("nv_inference_pending_request_count", {**SERVER, "model": model}, values)


def gpu(used):
    labels = {**SERVER, "gpu_uuid": "GPU-1"}
    return series("nv_gpu_memory_used_bytes", labels, f"{used}x60") | series(
        "nv_gpu_memory_total_bytes", labels, "100x60"
    )


def up(job, values):
    return series("up", {**SERVER, "job": job}, values)


def container(metric, values, pod=SERVER["pod"], name="triton", **labels):
    return series(f"kube_pod_container_{metric}", {"namespace": "ocr", "pod": pod, "container": name, **labels}, values)


def asked(pod=SERVER["pod"]):
    return container("resource_requests", "4x60", pod, resource="cpu") | container(
        "resource_requests", "8e9x60", pod, resource="memory"
    )


def answered(status, per_minute, route="/v1/infer"):
    labels = {**GATEWAY, "route": route, "method": "POST", "status": status}
    return series("ocdrnet_gateway_requests_total", labels, f"0+{per_minute}x60")


def within(bound, per_minute, route="/v1/infer"):
    return series(
        "ocdrnet_gateway_request_seconds_bucket", {**GATEWAY, "route": route, "le": bound}, f"0+{per_minute}x60"
    )


BUSY = done("ocdrnet", "0+60x60")
# Other models in the same Prometheus, among them the ensemble's own steps, must not be mixed in.
_OTHERS = (
    done("resnet", "0+900x60")
    | done("ocdnet", "0+900x60")
    | series("nv_inference_request_duration_us", {**SERVER, "model": "ocdnet"}, "0+9000000x60")
)

TRITON = [
    Case(
        "LatencyObjectiveMissed",
        "over",
        BUSY | _OTHERS | took(66_000_000),
        11,
        f"Pages take 1.1s on {_ON}; the objective is 1 s.",
    ),
    Case("LatencyObjectiveMissed", "under", BUSY | took(57_000_000), 15),
    Case("LatencyObjectiveMissed", "not for long", BUSY | took(66_000_000), 9),
    Case("LatencyObjectiveMissed", "at rest", done("ocdrnet", "60x60") | took(0), 15),
    Case(
        "QueueLong",
        "over",
        done("ocdnet", "0+60x60") | queued(12_600_000),
        11,
        f"Requests wait 210 ms for ocdnet on {_ON}.",
        {"model": "ocdnet"},
    ),
    Case("QueueLong", "under", done("ocdnet", "0+60x60") | queued(11_400_000), 15),
    Case("QueueLong", "another Triton's model", done("resnet", "0+60x60") | queued(12_600_000, "resnet"), 15),
    Case(
        "QueueLong",
        "of the plan that a step asks",
        done("ocrnet_plan", "0+60x60") | queued(12_600_000, "ocrnet_plan"),
        11,
        f"Requests wait 210 ms for ocrnet_plan on {_ON}.",
        {"model": "ocrnet_plan"},
    ),
    Case("QueueLong", "at rest", done("ocdnet", "60x60") | queued(0), 15),
    Case(
        "QueueGrowing",
        "twice as many, in two steps",
        pending("5x20 10x40") | pending("5x20 10x40", "ocrnet"),
        29,
        f"20 requests wait on {_ON}, and they become more.",
    ),
    Case("QueueGrowing", "a third more", pending("30x20 40x40"), 30),
    Case("QueueGrowing", "another Triton's", pending("0x10 0+4x50", "resnet"), 30),
    Case("QueueGrowing", "long but steady", pending("100x60"), 30),
    Case("QueueGrowing", "few", pending("0x20 14x40"), 30),
    Case("QueueGrowing", "shrinking", pending("200-4x40"), 25),
    Case(
        "Stalled",
        "nothing comes out",
        pending("1x60") | done("ocdrnet", "0+60x5 360x40"),
        13,
        f"Requests wait on {_ON}, and none was answered for five minutes.",
    ),
    Case("Stalled", "slow", pending("3x60") | done("ocdrnet", "0+1x60"), 20),
    Case("Stalled", "another Triton", pending("3x60", "resnet") | done("ocdrnet", "60x60"), 20),
    Case("Stalled", "at rest", pending("0x60") | done("ocdrnet", "60x60"), 20),
    Case("Stalled", "one that came just now", pending("0x18 1x10") | done("ocdrnet", "60x60"), 20),
    Case(
        "ErrorRatio",
        "two in a hundred",
        done("ocdrnet", "0+98x60") | failed("text_crop", "0+1x60") | failed("ocrnet", "0+1x60"),
        6,
        f"2% of requests fail on {_ON}.",
    ),
    Case(
        "ErrorRatio",
        "all",
        done("ocdrnet", "0x60") | failed("ocrnet", "0+9x60"),
        6,
        f"100% of requests fail on {_ON}.",
    ),
    Case(
        "ErrorRatio",
        "what the plan fails counts once",
        done("ocdrnet", "0+98x60") | failed("ocrnet", "0+2x60") | failed("ocrnet_plan", "0+2x60"),
        6,
        f"2% of requests fail on {_ON}.",
    ),
    Case("ErrorRatio", "eight in a thousand", done("ocdrnet", "0+124x60") | failed("text_crop", "0+1x60"), 12),
    Case("ErrorRatio", "another Triton", done("ocdrnet", "0+50x60") | failed("resnet", "0+50x60"), 12),
    Case("ErrorRatio", "given up", done("ocdrnet", "0+50x60") | failed("ocrnet", "0+50x60", "CANCELED"), 12),
    Case("ErrorRatio", "bad pictures", done("ocdrnet", "0+50x60") | failed("ocdrnet", "0+99x60", "OTHER"), 12),
    Case("ErrorRatio", "not for long", done("ocdrnet", "0+98x60") | failed("text_crop", "0+2x60"), 4),
    Case(
        "Unanswered",
        "a third",
        done("ocdrnet", "0+40x60") | done("image_preprocess", "0+60x60") | failed("image_preprocess", "0x60"),
        11,
        f"33.33% of requests get no page from {_ON}: refused, given up or failed.",
    ),
    Case(
        "Unanswered",
        "first step dead",
        done("ocdrnet", "60x60") | done("image_preprocess", "60x60") | failed("image_preprocess", "0+60x60"),
        11,
        f"100% of requests get no page from {_ON}: refused, given up or failed.",
    ),
    Case(
        "Unanswered",
        "a fifth",
        _OTHERS | done("ocdrnet", "0+48x60") | done("image_preprocess", "0+60x60") | failed("image_preprocess", "0x60"),
        30,
    ),
    Case(
        "Unanswered",
        "at rest",
        done("ocdrnet", "40x60") | done("image_preprocess", "60x60") | failed("image_preprocess", "0x60"),
        30,
    ),
    Case(
        "StepDead",
        "fails whatever comes",
        done("text_crop", "50x60") | failed("text_crop", "0x5 1+1x20"),
        9,
        f"text_crop on {_ON} fails every request.",
        {"model": "text_crop"},
    ),
    Case(
        "StepDead",
        "the plan that a step asks",
        done("ocrnet_plan", "50x60") | failed("ocrnet_plan", "0x5 1+1x20"),
        9,
        f"ocrnet_plan on {_ON} fails every request.",
        {"model": "ocrnet_plan"},
    ),
    Case("StepDead", "some work", done("text_crop", "0+0.25x60") | failed("text_crop", "0+5x60"), 10),
    Case("StepDead", "another Triton's model", done("resnet", "50x60") | failed("resnet", "0+5x60"), 10),
    Case("StepDead", "only two", done("text_crop", "50x60") | failed("text_crop", "0x8 1 2 2 2"), 11),
    Case("StepDead", "given up", done("text_crop", "50x60") | failed("text_crop", "0+5x60", "CANCELED"), 10),
    Case(
        "GpuMemoryHigh",
        "almost full",
        gpu(97) | BUSY,
        10,
        f"97% of the memory of GPU-1 is used, {_ON}.",
        {"gpu_uuid": "GPU-1"},
    ),
    Case("GpuMemoryHigh", "room", gpu(94) | BUSY, 15),
    Case("GpuMemoryHigh", "of another server", gpu(97) | done("resnet", "0+60x60"), 15),
    Case(
        "ServerDown",
        "by its name",
        up("ocdrnet-triton", "0x60"),
        2,
        f"{_ON} does not answer Prometheus.",
        {"job": "ocdrnet-triton"},
    ),
    Case(
        "ServerDown",
        "served before",
        up("triton", "1x10 0x30") | done("ocdrnet", "0+60x10 _x30"),
        13,
        f"{_ON} does not answer Prometheus.",
        {"job": "triton"},
    ),
    Case("ServerDown", "not ours", up("node", "0x60") | BUSY, 10),
    Case("ServerDown", "another Triton", up("triton", "0x60") | done("resnet", "0+60x10 _x30"), 20),
    Case("ServerDown", "answers", up("triton", "1x60") | BUSY, 10),
]

_POD = {"namespace": "ocr", "pod": SERVER["pod"], "container": "triton"}
_DEPLOYMENT = {"namespace": "ocr", "deployment": "demo-ocdrnet"}
_SECOND = "demo-ocdrnet-6d4cf56db6-aaaaa"
_STREET = "demo-ocdrnet-street-5b9c-bbbbb"
KUBERNETES = [
    Case(
        "ModelNotReady",
        "alive and not ready",
        container("status_ready", "1x5 0x60") | BUSY,
        8,
        f"Triton in {SERVER['pod']} is alive, but its ensemble is not ready.",
        _POD,
    ),
    Case("ModelNotReady", "ready", container("status_ready", "1x60") | BUSY, 10),
    Case("ModelNotReady", "still loading", container("status_ready", "0x60"), 10),
    Case("ModelNotReady", "another Triton", container("status_ready", "0x60") | done("resnet", "0x60"), 10),
    Case("ModelNotReady", "another container", container("status_ready", "0x60", name="istio") | BUSY, 10),
    Case(
        "NoReadyReplicas",
        "no node for it",
        asked() | container("status_ready", "1x60", name="istio"),
        5,
        "No pod of demo-ocdrnet in ocr is ready.",
        _DEPLOYMENT,
    ),
    Case(
        "NoReadyReplicas",
        "none of two, while another pair serves",
        asked()
        | asked(_SECOND)
        | container("status_ready", "0x60")
        | container("status_ready", "0x60", _SECOND)
        | asked(_STREET)
        | container("status_ready", "1x60", _STREET),
        5,
        "No pod of demo-ocdrnet in ocr is ready.",
        _DEPLOYMENT,
    ),
    Case("NoReadyReplicas", "one of two", asked() | asked(_SECOND) | container("status_ready", "1x60", _SECOND), 10),
    Case("NoReadyReplicas", "scaled to zero", container("status_ready", "0x60", name="gateway"), 10),
    Case("NoReadyReplicas", "another container", container("resource_requests", "1x60", name="istio"), 10),
    Case("NoReadyReplicas", "starting", asked(), 4),
    Case(
        "Restarts",
        "twice",
        container("status_restarts_total", "0x10 1x10 2x10"),
        22,
        f"Triton in {SERVER['pod']} was restarted 2 times within half an hour.",
        _POD,
    ),
    Case("Restarts", "another container", container("status_restarts_total", "0+1x30", name="istio"), 25),
    Case("Restarts", "once", container("status_restarts_total", "0x10 1x20"), 25),
]

THROUGH_GATEWAY = [
    Case(
        "GatewayErrorRatio",
        "two in a hundred",
        answered(200, 48) | answered(503, 1) | answered(502, 1),
        6,
        f"4% of requests to {_THROUGH} end with a status of 500 or above.",
    ),
    Case("GatewayErrorRatio", "eight in a thousand", answered(200, 124) | answered(500, 1), 12),
    Case("GatewayErrorRatio", "bad pictures", answered(200, 50) | answered(422, 50), 12),
    Case("GatewayErrorRatio", "a probe", answered(200, 50) | answered(503, 50, "/v1/health/ready"), 12),
    Case(
        "GatewayRefuses",
        "one in ten",
        answered(200, 90) | answered(429, 10),
        11,
        f"10% of requests to {_THROUGH} are refused with 429.",
    ),
    Case("GatewayRefuses", "one in fifty", answered(200, 98) | answered(429, 2), 20),
    Case("GatewayRefuses", "none", answered(200, 98), 20),
    Case(
        "GatewayLatencyObjectiveMissed",
        "one in ten is slow",
        within("2.5", 90) | within("5", 100) | within("+Inf", 100),
        11,
        f"One request in twenty takes over 3.75s through {_THROUGH}; the objective is 2.5 s.",
    ),
    Case(
        "GatewayLatencyObjectiveMissed", "one in fifty", within("2.5", 98) | within("5", 100) | within("+Inf", 100), 20
    ),
    Case(
        "GatewayLatencyObjectiveMissed",
        "a long upload of an asset",
        within("2.5", 0, "/v2/nvcf/assets") | within("5", 9, "/v2/nvcf/assets") | within("+Inf", 9, "/v2/nvcf/assets"),
        20,
    ),
]
