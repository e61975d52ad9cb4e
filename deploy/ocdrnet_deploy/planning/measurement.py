"""What planning takes from a load test: the mix, the served models, and the step of least load."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MixImage:
    """One image of the mix; all are sent with the same probability.

    Attributes:
        pixels: width times height.
        boxes: lines found in it, the mean.
    """

    pixels: int
    boxes: float


@dataclass(frozen=True)
class Model:
    """A served model's settings.

    Attributes:
        instances: that run at the same time.
        max_batch_size: rows of one execution; 0 where the model does not batch.
        queue_delay_s: how long its batcher waits for company.
        preferred_batch_size: rows at which its batcher stops to collect; None where the file does not say.
    """

    instances: int
    max_batch_size: int
    queue_delay_s: float
    preferred_batch_size: int | None = None


@dataclass(frozen=True)
class Batch:
    """Executions of one size.

    Attributes:
        size: rows.
        executions: of this size.
        compute_s: of all of them together.
    """

    size: int
    executions: int
    compute_s: float


@dataclass(frozen=True)
class ModelCounts:
    """What one model did during a step.

    Attributes:
        requests: answered.
        inferences: rows: tiles, crops.
        executions: batches.
        queue_s: that requests waited, summed up.
        request_s: computing as requests saw it, summed up: a batch counts once for each request in it.
        batches: by size.
    """

    requests: int
    inferences: int
    executions: int
    queue_s: float
    request_s: float
    batches: tuple[Batch, ...]

    @property
    def busy_s(self) -> float:
        """That instances worked."""
        return sum(batch.compute_s for batch in self.batches)


@dataclass(frozen=True)
class Step:
    """One rate.

    Attributes:
        rate: requests a second.
        sent: requests that count.
        settling: requests before them.
        mean_s: latency.
        quantiles: of the latency at 0, 1, ... 100 %; empty where the file has none.
        cpu_s: of each server process, seconds.
        client_cpu_s: of the generator, if it shared the server's machine.
        models: by name.
    """

    rate: float
    sent: int
    settling: int
    mean_s: float
    quantiles: tuple[float, ...]
    cpu_s: dict[str, float]
    client_cpu_s: float
    models: dict[str, ModelCounts]


@dataclass(frozen=True)
class CpuUse:
    """What the images of one rate took of the machine's cores.

    Attributes:
        images: answered, settling ones too.
        core_s: of the server's processes, and of a generator that shared their machine.
        seconds: that the images were sent in.
    """

    images: int
    core_s: float
    seconds: float


@dataclass(frozen=True)
class Knee:
    """What a staircase found.

    Attributes:
        rate: the highest that met the limit.
        failed_rate: the lowest above it that did not; None where every rate passed.
        p99_limit_s: the limit.
        requests: of a step at least.
        settling: requests before them.
        is_servers: False where the load generator was the bottleneck.
    """

    rate: float
    failed_rate: float | None
    p99_limit_s: float
    requests: int
    settling: int
    is_servers: bool


@dataclass(frozen=True)
class Measurement:
    """All that planning needs.

    Attributes:
        ensemble: name of the top model.
        visits: models in the ensemble's order; one may come twice.
        models: settings by name.
        cores: that the server's machine has.
        cpu: its name.
        images: of the mix.
        low: the step of the lowest rate.
        cpu_use: of every rate.
        knee: of a staircase, else None.
        is_poisson: requests came at random; else at equal gaps.
        warnings: sentences on how far the figures can be trusted.
    """

    ensemble: str
    visits: tuple[str, ...]
    models: dict[str, Model]
    cores: int
    cpu: str
    images: tuple[MixImage, ...]
    low: Step
    cpu_use: tuple[CpuUse, ...]
    knee: Knee | None
    is_poisson: bool = True
    warnings: tuple[str, ...] = ()

    @property
    def boxes(self) -> float:
        """Lines of an image, the mean."""
        return sum(image.boxes for image in self.images) / len(self.images)
