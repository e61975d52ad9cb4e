"""What the command line asked for, and the run that follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ocdrnet_client.address import Address
from ocdrnet_loadtest.errors import SettingError
from ocdrnet_loadtest.objectives import Slo
from ocdrnet_loadtest.result import LoadTestResult
from ocdrnet_loadtest.run_settings import RunSettings, SoakSettings
from ocdrnet_loadtest.sending.base import SendSettings
from ocdrnet_loadtest.sending.opening import NIM, api_of
from ocdrnet_loadtest.sent_images import DEFAULT_SPECS, DrawingSpec, SentImage, drawn_images, load_images
from ocdrnet_loadtest.settings import StaircaseSettings, StepSettings
from ocdrnet_loadtest.users import ServerProcesses, Users
from ocdrnet_loadtest.watch import Limits
from ocdrnet_ops.options import OptionValue

_METRICS_PORT = 8002  # Triton's own
_DEFAULT_P99 = 1.0


@dataclass(frozen=True)
class LoadTestOptions:
    """The options of `ocdrnet loadtest`, as its help describes them; times in seconds, shares from 0 to 1."""

    url: str
    api: str | None
    model: str
    headers: tuple[str, ...]
    parameters: Mapping[str, OptionValue]
    timeout: float
    images: tuple[str, ...]
    draw: tuple[str, ...]
    rate: float | None
    users: int | None
    think: float | None
    soak: int | None
    fraction: float
    knee_of: Path | None
    settling: int
    p99: float | None
    errors: float
    arrivals: str
    requests: int
    seconds: float
    start_rate: float | None
    growth: float
    precision: float
    warm_up: int
    metrics: str | None
    server_pids: tuple[int, ...]
    seed: int
    slos: tuple[str, ...]


def run_settings(wanted: LoadTestOptions) -> RunSettings:
    """All that a run needs; everything that can be wrong with the command line is found here.

    Raises:
        LoadTestError: options contradict each other, or a value cannot be used.
        ConfigurationError: the url cannot be used.
    """
    _refuse_contradictions(wanted)
    address = Address.parse(wanted.url)
    api = api_of(address, wanted.api)
    if api == NIM and wanted.users:
        raise SettingError("--users speaks Triton's protocols; for --api nim use --rate or the staircase")
    slos = tuple(Slo.parse(text) for text in wanted.slos)
    images, source = _images(wanted)
    return RunSettings(
        send=SendSettings(address, wanted.model, wanted.parameters, _headers(wanted), wanted.timeout),
        api=api,
        images=images,
        source=source,
        step=_step(wanted, slos),
        staircase=StaircaseSettings(wanted.start_rate, wanted.growth, wanted.precision),
        rate=None if wanted.soak else wanted.rate,
        soak=_soak(wanted),
        users=Users(wanted.users, wanted.seconds, wanted.think or 0.0) if wanted.users else None,
        warm_up=wanted.warm_up,
        metrics_url=_metrics_url(wanted, address),
        processes=_processes(wanted, address),
        slos=slos,
    )


def _refuse_contradictions(wanted: LoadTestOptions) -> None:
    if wanted.users and (wanted.rate or wanted.soak):
        raise SettingError("--users is a closed loop; it has no --rate and no --soak")
    if wanted.users and wanted.headers:
        raise SettingError("--users sends no --header; use --rate or the staircase")
    if wanted.images and wanted.draw:
        raise SettingError("give --images or --draw, not both")
    if wanted.knee_of and (wanted.rate or not wanted.soak):
        raise SettingError("--knee-of gives the rate of a --soak; it goes with no --rate")
    if wanted.fraction == 0:
        raise SettingError("--fraction is 0; it must be above 0")


def _images(wanted: LoadTestOptions) -> tuple[tuple[SentImage, ...], str]:
    if wanted.images:
        return load_images(wanted.images), ", ".join(wanted.images)
    specs = [DrawingSpec.parse(text) for text in wanted.draw or DEFAULT_SPECS]
    return drawn_images(specs, wanted.seed), "drawn"


def _headers(wanted: LoadTestOptions) -> dict[str, str]:
    pairs = [text.partition("=") for text in wanted.headers]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise SettingError(f"header {name!r} is not NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _step(wanted: LoadTestOptions, slos: tuple[Slo, ...]) -> StepSettings:
    objective = next((slo.limit for slo in slos if slo.figure == "p99"), _DEFAULT_P99)
    limits = Limits(wanted.p99 or objective, wanted.errors)
    return StepSettings(wanted.arrivals, wanted.requests, wanted.seconds, limits=limits, seed=wanted.seed)


def _soak(wanted: LoadTestOptions) -> SoakSettings | None:
    if not wanted.soak:
        return None
    if wanted.rate:
        return SoakSettings(wanted.soak, None, wanted.rate, wanted.settling)
    if not wanted.knee_of:
        return SoakSettings(wanted.soak, wanted.fraction, None, wanted.settling)
    knee = LoadTestResult.load(wanted.knee_of).knee
    if knee is None or knee.rate is None:
        raise SettingError(f"{wanted.knee_of} holds no knee; give it the JSON of a staircase that found one")
    return SoakSettings(wanted.soak, wanted.fraction, wanted.fraction * knee.rate, wanted.settling)


def _metrics_url(wanted: LoadTestOptions, address: Address) -> str | None:
    if wanted.metrics == "none":
        return None
    if wanted.metrics:
        return wanted.metrics
    servers = (replace(each, port=_METRICS_PORT).authority for each in address.each)
    return f"http://{','.join(servers)}/metrics"


def _processes(wanted: LoadTestOptions, address: Address) -> ServerProcesses | None:
    if wanted.server_pids:
        return ServerProcesses.of(wanted.server_pids)
    return ServerProcesses.listening_at(address)
