"""The dashboard's panels, row by row."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.monitoring import queries as q


@dataclass(frozen=True)
class Panel:
    """One panel.

    Attributes:
        title: Above it.
        queries: PromQL by legend; a legend's `{{label}}` is the series' own.
        unit: Grafana's name of the unit.
        about: Behind the small i.
        kind: `timeseries`, or `stat` for one number.
        width: Of Grafana's 24 columns.
        limit: Where a line is drawn, or a number turns red.
        is_stacked: Series add up.
    """

    title: str
    queries: dict[str, str]
    unit: str
    about: str = ""
    kind: str = "timeseries"
    width: int = 8
    limit: float | None = None
    is_stacked: bool = False


def _stat(title: str, query: str, unit: str, about: str, limit: float | None = None) -> Panel:
    return Panel(title, {"": query}, unit, about, kind="stat", width=4, limit=limit)


_POD = "{{pod}} {{instance}}"
_GLANCE = (
    _stat("Pages", q.pages(), "reqps", "Requests answered with a page, in a second."),
    _stat(
        "Crops",
        q.summed_rate("nv_inference_count", 'model="ocrnet"'),
        "ops",
        "Crops that the recognizer read, in a second. Crops that are turned and read again count twice.",
    ),
    _stat("Latency", q.latency(), "s", "From arrival to answer inside Triton, the mean.", limit=1),
    _stat("Failing", q.failing(), "percentunit", "Requests that a step failed. Bad images are not among them.", 0.01),
    _stat("Longest queue", f"max({q.slowest_queue()})", "ms", "Of the slowest step.", 50),
    _stat(
        "Ready pods",
        f'sum(kube_pod_container_status_ready{{{q.PODS},container="triton"}})',
        "none",
        "From kube-state-metrics.",
    ),
)
_REQUESTS = (
    Panel("Pages by pod", {_POD: q.pages(q.BY_POD)}, "reqps"),
    Panel("Crops by pod", {_POD: q.summed_rate("nv_inference_count", 'model="ocrnet"', q.BY_POD)}, "ops"),
    Panel("Latency by pod", {_POD: q.latency(q.BY_POD)}, "s", "The mean; the line is the objective.", limit=1),
)
_STEPS = (
    Panel(
        "Queue by step",
        {"{{model}}": q.milliseconds(q.QUEUE, q.BY_MODEL)},
        "ms",
        "Of one request, the mean. The ensemble has no queue of its own.",
        limit=50,
    ),
    Panel(
        "Compute by step",
        {"{{model}}": q.milliseconds(q.COMPUTE, q.BY_MODEL, q.STEPS)},
        "ms",
        "Of one request, with copies in and out, the mean. A request in a batch takes as long as its batch; ocrnet's "
        "time has that of ocrnet_plan in it.",
        is_stacked=True,
    ),
    Panel(
        "Queue against compute",
        {
            "queue": q.per_page(q.QUEUE),
            "compute": q.per_page(q.COMPUTE),
        },
        "ms",
        "Of all steps together, for one page.",
        is_stacked=True,
    ),
    Panel(
        "Waiting requests by step",
        {"{{model}}": f"sum by (model) (nv_inference_pending_request_count{{{q.PODS},{q.MODELS}}})"},
        "none",
        is_stacked=True,
    ),
    Panel(
        "What the autoscaler sees",
        {_POD: q.slowest_queue()},
        "ms",
        "Queue of each pod's slowest step. The line is the chart's default of autoscaling.queueMilliseconds.",
        limit=50,
    ),
    Panel(
        "Pods",
        {
            "ready": f'sum(kube_pod_container_status_ready{{{q.PODS},container="triton"}})',
            "all": f'count(kube_pod_container_status_ready{{{q.PODS},container="triton"}})',
        },
        "none",
        "From kube-state-metrics.",
    ),
)
_BATCHES = (
    Panel("Batch size", {"{{model}}": q.batch()}, "none", "Inferences of one execution, the mean.", width=12),
    Panel(
        "Executions",
        {"{{model}}": q.summed_rate("nv_inference_exec_count", q.NETWORKS, q.BY_MODEL)},
        "ops",
        width=12,
    ),
)
_ERRORS = (
    Panel(
        "Failed by step",
        {
            "{{model}} {{reason}}": q.summed_rate("nv_inference_request_failure", q.MODELS, "by (model, reason)")
            + " > 0"
        },
        "reqps",
        "BACKEND alone and nothing done: the step's Python stub is dead. CANCELED: the caller gave up.",
        is_stacked=True,
    ),
    Panel(
        "Arrived and answered",
        {
            "arrived": q.summed_rate("nv_inference_request_success", 'model="image_preprocess"'),
            "answered with a page": q.pages(),
        },
        "reqps",
        "What lies between are bad images and options, given up and failed requests.",
    ),
    Panel(
        "Restarts",
        {"{{pod}}": f'increase(kube_pod_container_status_restarts_total{{{q.PODS},container="triton"}}[1h])'},
        "none",
        "Within the last hour, from kube-state-metrics.",
    ),
)
_GPU = (
    Panel("GPU utilization", {_POD: f"nv_gpu_utilization{{{q.PODS}}}"}, "percentunit"),
    Panel(
        "GPU memory",
        {
            f"used {_POD}": f"nv_gpu_memory_used_bytes{{{q.PODS}}}",
            f"total {_POD}": f"nv_gpu_memory_total_bytes{{{q.PODS}}}",
        },
        "bytes",
        "Of the whole GPU, whoever uses it.",
    ),
    Panel("GPU power", {_POD: f"nv_gpu_power_usage{{{q.PODS}}}"}, "watt"),
)
_MEMORY = (
    Panel(
        "Memory of Triton's container",
        {
            "{{pod}}": f'container_memory_working_set_bytes{{{q.PODS},container="triton"}}',
            "limit {{pod}}": f'kube_pod_container_resource_limits{{{q.PODS},container="triton",resource="memory"}}',
        },
        "bytes",
        "With /dev/shm. From the kubelet's cAdvisor and kube-state-metrics.",
    ),
    Panel(
        "Memory of the machine",
        {
            f"used {_POD}": f"nv_cpu_memory_used_bytes{{{q.PODS}}}",
            f"total {_POD}": f"nv_cpu_memory_total_bytes{{{q.PODS}}}",
        },
        "bytes",
        "Of the whole machine, as Triton sees it.",
    ),
    Panel(
        "CPU and pinned memory",
        {
            f"CPU {_POD}": f"nv_cpu_utilization{{{q.PODS}}}",
            f"pinned memory {_POD}": (
                f"nv_pinned_memory_pool_used_bytes{{{q.PODS}}} / nv_pinned_memory_pool_total_bytes{{{q.PODS}}}"
            ),
        },
        "percentunit",
        "CPU of the whole machine; share of Triton's pool of pinned memory.",
    ),
)
_GATEWAY = (
    Panel(
        "Gateway: requests by status",
        {
            "{{status}}": (
                f"sum by (status) (rate(ocdrnet_gateway_requests_total{{{q.NAMESPACE},{q.READING}}}[$__rate_interval]))"
            )
        },
        "reqps",
        is_stacked=True,
    ),
    Panel(
        "Gateway: latency",
        {
            f"p{share * 100:g}": q.gateway_quantile(share, "request", f"{q.NAMESPACE},{q.READING}")
            for share in (0.5, 0.95, 0.99)
        },
        "s",
        "From arrival to answer.",
        limit=2.5,
    ),
    Panel(
        "Gateway: waiting and with Triton",
        {
            "waiting": f"sum(ocdrnet_gateway_waiting{{{q.NAMESPACE}}})",
            "with Triton": f"sum(ocdrnet_gateway_in_flight{{{q.NAMESPACE}}})",
        },
        "none",
        is_stacked=True,
    ),
    Panel(
        "Gateway: images",
        {"images": f"sum(rate(ocdrnet_gateway_pictures_total{{{q.NAMESPACE}}}[$__rate_interval]))"},
        "ops",
        width=12,
    ),
    Panel(
        "Gateway: p95 before and with Triton",
        {
            "waiting for a place": q.gateway_quantile(0.95, "queue", q.NAMESPACE),
            "with Triton": q.gateway_quantile(0.95, "triton", q.NAMESPACE),
        },
        "s",
        width=12,
    ),
)
ROWS: dict[str, tuple[Panel, ...]] = {
    "At a glance": _GLANCE,
    "Requests": _REQUESTS,
    "Queue and compute": _STEPS,
    "Batches": _BATCHES,
    "Errors": _ERRORS,
    "GPU": _GPU,
    "Memory and CPU": _MEMORY,
    "Gateway": _GATEWAY,
}
