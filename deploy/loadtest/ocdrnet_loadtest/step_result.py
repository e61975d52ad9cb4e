"""What one step of a load test measured, or a long run.

All times are in seconds, all rates in one per second, all shares from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemorySample:
    """Resident memory at one moment.

    Attributes:
        at_s: seconds since the first request.
        answered: requests so far.
        rss: bytes of each local server process, by name.
    """

    at_s: float
    answered: int
    rss: dict[str, int]


@dataclass(frozen=True)
class MemorySlope:
    """A line through the samples after the settling requests (least squares).

    Attributes:
        bytes_per_1000: growth with every 1,000 requests.
        first: bytes at the first of these samples.
        last: bytes at the last.
        is_flat: it would grow by less than 1 % of `first` in 10,000 requests, or by less than 1 MiB.
    """

    bytes_per_1000: float
    first: int
    last: int
    is_flat: bool


@dataclass(frozen=True)
class Soak:
    """A long run at a share of the knee.

    Attributes:
        requests: that were planned.
        rate: requests a second.
        fraction: of the knee; None where the rate was given.
        settling: requests left out of the slopes.
        memory: samples over time; empty where the server is elsewhere.
        slopes: by process; empty with too few samples.
        p99_to_p50: ratio of the two latencies; None where nothing was answered.
    """

    requests: int
    rate: float
    fraction: float | None
    settling: int
    memory: tuple[MemorySample, ...]
    slopes: dict[str, MemorySlope]
    p99_to_p50: float | None


@dataclass(frozen=True)
class Latency:
    """From the moment a request was meant to be sent to its parsed answer, of answered requests; nearest rank.

    Attributes:
        mean: of all.
        p50: half are faster.
        p90: nine of ten are faster.
        p95: 19 of 20 are faster.
        p99: 99 of 100 are faster.
        max: the slowest.
        p99_low: lower end of a 95 % confidence interval of p99, from order statistics.
        p99_high: upper end of it; None where there were too few requests to bound it.
        quantiles: at 0, 1, 2, ... 100 %.
    """

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float
    p99_low: float
    p99_high: float | None
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True)
class Window:
    """A stretch of a step.

    Attributes:
        at_s: its middle, since the first counted request.
        requests: answered, of those scheduled in it.
        p50: of their latencies.
        p99: of their latencies.
    """

    at_s: float
    requests: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Lateness:
    """How far the generator fell behind its own schedule; it decides whether the server was measured at all.

    Attributes:
        share: of requests that left more than 10 ms after their time.
        p99: of the delays of all requests.
        max: of the delays of all requests.
        cpu_share: of one core that the generator's process used.
        is_bottleneck: the generator, not the server, limited this step.
    """

    share: float
    p99: float
    max: float
    cpu_share: float
    is_bottleneck: bool


@dataclass(frozen=True)
class Batch:
    """Executions of one batch size, from Triton's statistics (`batch_stats`).

    Attributes:
        size: rows: images, tiles or crops.
        executions: of this size.
        compute_s: of all these executions together: input, inference and output. Divided by `executions` it is the
            service time of one batch.
    """

    size: int
    executions: int
    compute_s: float


@dataclass(frozen=True)
class ModelStep:
    """What Triton's counters of one model say about one step.

    Durations are summed over requests: one that was batched with three others counts its whole batch's time.

    Attributes:
        requests: that were answered, `nv_inference_request_success`.
        failures: `nv_inference_request_failure`, all reasons.
        inferences: rows, `nv_inference_count`.
        executions: batches, `nv_inference_exec_count`.
        queue_s: waited for an instance, `nv_inference_queue_duration_us`.
        compute_input_s: `nv_inference_compute_input_duration_us`.
        compute_infer_s: `nv_inference_compute_infer_duration_us`.
        compute_output_s: `nv_inference_compute_output_duration_us`.
        batches: by size, small ones first; empty where the server gives no statistics.
    """

    requests: int
    failures: int
    inferences: int
    executions: int
    queue_s: float
    compute_input_s: float
    compute_infer_s: float
    compute_output_s: float
    batches: tuple[Batch, ...] = ()


@dataclass(frozen=True)
class Step:
    """One rate, or one number of users.

    Attributes:
        offered_rate: requests a second that were scheduled; of users, None.
        users: of a closed loop; None for a scheduled rate.
        settling: requests sent at the same rate just before, so that the step does not start from an idle server. They
            are left out of everything here, but for `server_cpu_s` and `models`, which they cannot be told apart in.
        seconds: from the first counted request's time to the end of the schedule.
        sent: requests that count.
        answered: with a page.
        statuses: how often each status came: a gRPC status name or an HTTP number, `TIMEOUT`, `CONNECTION`, `ANSWER`
            (no answer of an OCR model); `OK` and `200` are answers.
        images_per_s: answers that came within `seconds`, whenever they were asked for, divided by it.
        crops_per_s: lines of text found in them, likewise.
        goodput_per_s: those of them that took no longer than the p99 limit, likewise.
        latency: None where nothing was answered.
        lateness: of the generator.
        is_cut_short: sending was stopped early, because the limits were broken beyond repair.
        passed: both limits were met; None where there were none.
        server_cpu_s: CPU time of each local server process, by name; None where the server is elsewhere.
        models: by name, None where Triton's metrics could not be read.
        foreign_requests: images that others sent meanwhile, by Triton's counters.
        arrivals: `poisson`, `constant` or `closed`.
        windows: the step in up to 60 stretches of time.
    """

    offered_rate: float | None
    users: int | None
    settling: int
    seconds: float
    sent: int
    answered: int
    statuses: dict[str, int]
    images_per_s: float
    crops_per_s: float
    goodput_per_s: float
    latency: Latency | None
    lateness: Lateness
    is_cut_short: bool = False
    passed: bool | None = None
    server_cpu_s: dict[str, float] | None = None
    models: dict[str, ModelStep] | None = None
    foreign_requests: int = 0
    arrivals: str = "poisson"
    windows: tuple[Window, ...] = ()

    @property
    def error_share(self) -> float:
        """Requests without an answer, of all that were sent."""
        return 1 - self.answered / self.sent if self.sent else 0.0
