"""PromQL of the dashboard: rates over Grafana's own interval, of the pods that its variables pick."""

from __future__ import annotations

# All steps of the ensemble, as in rules.yaml.
STEPS = 'model=~"image_preprocess|ocdnet|dbnet_postprocess|text_crop|ocrnet|text_turn|text_decode"'
# And the plan that the step `ocrnet` asks where a recognizer's width is free. Its time is part of that step's, and what
# it fails that step fails: sums over both would count it twice.
MODELS = f'{STEPS[:-1]}|ocrnet_plan"'
NETWORKS = 'model=~"ocdnet|ocrnet|ocrnet_plan"'
# The one that takes image files, and the one that takes pixels.
ENSEMBLE = 'model=~"ocdrnet|ocr"'
# Without Kubernetes the labels are missing, which the variables' value for all, `.*`, matches too.
PODS = 'namespace=~"$namespace",pod=~"$pod"'
NAMESPACE = 'namespace=~"$namespace"'
READING = 'route=~"/v1/(infer|ocr|read|cv/.+|images:annotate)|/ocr|/textract"'
BY_POD = "by (pod, instance)"
BY_MODEL = "by (model)"
QUEUE = ("queue",)
COMPUTE = ("compute_input", "compute_infer", "compute_output")


def summed_rate(metric: str, which: str, by: str = "") -> str:
    """A counter's increase in a second, summed over the chosen pods; `by` is a clause that keeps labels."""
    return f"sum {by or 'by ()'} (rate({metric}{{{PODS},{which}}}[$__rate_interval]))"


def pages(by: str = "") -> str:
    """Requests of the ensemble that were answered with a page, in a second."""
    return summed_rate("nv_inference_request_success", ENSEMBLE, by)


def latency(by: str = "") -> str:
    """Seconds of a request of the ensemble, the mean; nothing while there are none."""
    return f"{summed_rate('nv_inference_request_duration_us', ENSEMBLE, by)} / 1e6 / ({pages(by)} > 0)"


def failing() -> str:
    """Share of requests that a step failed; cancelled ones are left out."""
    failed = summed_rate("nv_inference_request_failure", f'{STEPS},reason!="CANCELED"')
    return f"{failed} / ({failed} + {pages()} > 0)"


def milliseconds(durations: tuple[str, ...], by: str, which: str = MODELS) -> str:
    """Of one request in a step, the mean: QUEUE or COMPUTE. A rest is 0, not 0 / 0."""
    done = summed_rate("nv_inference_request_success", which, by)
    return f"{_spent(durations, by, which)} / 1e3 / clamp_min({done}, 0.001)"


def per_page(durations: tuple[str, ...]) -> str:
    """Milliseconds of all steps together for one page: QUEUE or COMPUTE."""
    return f"{_spent(durations)} / 1e3 / ({pages()} > 0)"


def slowest_queue() -> str:
    """What the chart's autoscalers hold: milliseconds in the queue of each pod's slowest step."""
    return f"max {BY_POD} ({milliseconds(QUEUE, 'by (pod, instance, model)')})"


def batch() -> str:
    """Inferences of one execution of each network."""
    inferences = summed_rate("nv_inference_count", NETWORKS, BY_MODEL)
    return f"{inferences} / ({summed_rate('nv_inference_exec_count', NETWORKS, BY_MODEL)} > 0)"


def gateway_quantile(share: float, histogram: str, which: str) -> str:
    """Seconds that this share of the gateway's requests stays under."""
    buckets = f"rate(ocdrnet_gateway_{histogram}_seconds_bucket{{{which}}}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le) ({buckets}))"


def _spent(durations: tuple[str, ...], by: str = "", which: str = STEPS) -> str:
    parts = (summed_rate(f"nv_inference_{each}_duration_us", which, by) for each in durations)
    return f"({' + '.join(parts)})"
