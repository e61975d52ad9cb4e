"""What a load test found, as typed values and as JSON; docs/load-tests.md describes the format.

All times are in seconds, all rates in one per second, all shares from 0 to 1.
"""

from __future__ import annotations

import json
import os
import platform
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ocdrnet_loadtest.errors import ResultFileError
from ocdrnet_loadtest.step_result import Soak, Step

T = TypeVar("T")


def parsed(kind: type[T], data: object, place: str = "result") -> T:
    """A dataclass made from what `dataclasses.asdict` and JSON left of it.

    Keys that the dataclass lacks are ignored, so that an older reader takes a newer file of the same version.

    Raises:
        ResultFileError: a key is missing or a value is of another type; the text names its place.
    """
    if not isinstance(data, Mapping):
        raise ResultFileError(f"{place} is {_shown(data)}; it must be an object")
    hints = get_type_hints(kind)
    values = {}
    for each in fields(cast(Any, kind)):
        if each.name in data:
            values[each.name] = _value(hints[each.name], data[each.name], f"{place}.{each.name}")
        elif each.default is MISSING and each.default_factory is MISSING:
            raise ResultFileError(f"{place} has no key {each.name!r}")
    return kind(**values)


def _value(hint: object, data: object, place: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if data is None else _value(inner, data, place)
    if origin is tuple:
        items = _checked(list, data, place, "a list")
        return tuple(_value(arguments[0], item, f"{place}[{index}]") for index, item in enumerate(items))
    if origin is dict:
        entries = _checked(dict, data, place, "an object")
        return {key: _value(arguments[1], item, f"{place}.{key}") for key, item in entries.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return parsed(hint, data, place)
    return _scalar(hint, data, place)


def _scalar(hint: object, data: object, place: str) -> object:
    if hint is Any:
        return data
    if hint is float:
        # bool is an int to Python, and JSON writes 2.0 as 2.
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            raise ResultFileError(f"{place} is {_shown(data)}; it must be a number")
        return float(data)
    if type(data) is not hint:
        raise ResultFileError(f"{place} is {_shown(data)}; it must be of type {getattr(hint, '__name__', hint)}")
    return data


def _checked(kind: type[T], data: object, place: str, name: str) -> T:
    if not isinstance(data, kind):
        raise ResultFileError(f"{place} is {_shown(data)}; it must be {name}")
    return data


def _shown(data: object) -> str:
    text = repr(data)
    return text if len(text) <= 40 else f"{text[:37]}..."


_PACKAGES = ("ocdrnet", "tritonclient", "grpcio", "aiohttp", "locust", "nvidia-pytriton", "openvino")


def this_machine(*, server_is_local: bool) -> Machine:
    """Processor, cores and versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(_cpu_name(), cores, server_is_local, {"python": platform.python_version(), **_versions()})


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _cpu_name() -> str:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name"))
    return next(names, platform.machine())


FORMAT = "ocdrnet-loadtest"
VERSION = 1


@dataclass(frozen=True)
class MixImage:
    """One image of the mix.

    Attributes:
        name: of the file, or of the drawing.
        width: pixels.
        height: pixels.
        bytes: of the encoded file.
        sent: how often it was sent in all steps together, the warm-up left out.
        boxes: lines that the server found in it; None before it was first answered.
    """

    name: str
    width: int
    height: int
    bytes: int
    sent: int = 0
    boxes: float | None = None


@dataclass(frozen=True)
class Mix:
    """What was sent.

    Attributes:
        source: `drawn`, or the folder that the images came from.
        seed: of the drawing, the order and the arrivals.
        pictures: each is sent with the same probability.
    """

    source: str
    seed: int
    pictures: tuple[MixImage, ...]


@dataclass(frozen=True)
class ServedModel:
    """A model's settings at the server, as far as a queueing simulation needs them.

    Attributes:
        instances: that run at the same time, over all instance groups.
        max_batch_size: 0 where the model does not batch.
        queue_delay_s: how long the dynamic batcher waits for company; None without a dynamic batcher.
        depends_on: names of the ensemble's steps in their order, empty for all other models.
        preferred_batch_size: rows at which the dynamic batcher stops to collect; None where it goes to the maximum.
    """

    instances: int
    max_batch_size: int
    queue_delay_s: float | None = None
    depends_on: tuple[str, ...] = ()
    preferred_batch_size: int | None = None


@dataclass(frozen=True)
class Target:
    """What was put under load.

    Attributes:
        url: of the server.
        api: `grpc`, `http` (Triton's, the image as body) or `nim` (the gateway's `/v1/infer`).
        model: the ensemble's name.
        options: sent with every request.
        timeout_s: after which an answer counts as an error.
        server: name and version, None where it does not say.
        models: by name, the ensemble and its steps; empty where the server does not say.
    """

    url: str
    api: str
    model: str
    options: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 60.0
    server: str | None = None
    models: dict[str, ServedModel] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """Where the load generator ran; the server may have been elsewhere.

    Attributes:
        cpu: the processor's name.
        cores: that this process may use.
        server_is_local: generator and server shared these cores.
        versions: of the packages that took part, by name.
    """

    cpu: str
    cores: int
    server_is_local: bool
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Knee:
    """The highest rate that the server keeps up with.

    Attributes:
        p99_limit_s: no more than this at the 99th percentile.
        error_limit: no larger share of requests without an answer.
        rate: the highest offered rate that met both limits; None where no step did.
        failed_rate: the lowest offered rate above it that did not; None where every step passed.
        images_per_s: answered at `rate`.
        crops_per_s: answered at `rate`.
        limited_by: `server`, or `generator` where the client could not send faster and the true knee is higher.
        note: how sure the figure is, in a sentence.
    """

    p99_limit_s: float
    error_limit: float
    rate: float | None
    failed_rate: float | None
    images_per_s: float | None
    crops_per_s: float | None
    limited_by: str
    note: str


@dataclass(frozen=True)
class Objective:
    """A service-level objective and whether it was met.

    Attributes:
        text: as the user wrote it, such as `p99=300ms`.
        figure: its name, such as `p99`.
        limit: in seconds, as a share, or per second.
        value: what was measured; None where nothing was.
        met: False too where nothing was measured.
    """

    text: str
    figure: str
    limit: float
    value: float | None
    met: bool


@dataclass(frozen=True)
class LoadTestResult:
    """All that one run of `ocdrnet loadtest` found.

    Attributes:
        mode: `rate` (one open-loop step), `staircase`, `soak` or `users` (locust's closed loop).
        arrivals: `poisson` or `constant`; `closed` for locust's users.
        started: when, ISO 8601 with the offset from UTC.
        target: what was put under load.
        machine: where the generator ran.
        mix: what was sent.
        steps: in the order in which they were run.
        knee: of a staircase.
        soak: of a soak.
        objectives: in the order of the command line.
        warnings: what a reader must know before trusting the figures.
    """

    mode: str
    arrivals: str
    started: str
    target: Target
    machine: Machine
    mix: Mix
    steps: tuple[Step, ...]
    knee: Knee | None = None
    soak: Soak | None = None
    objectives: tuple[Objective, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_met(self) -> bool:
        """Whether all objectives are."""
        return all(objective.met for objective in self.objectives)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LoadTestResult:
        """The inverse of `to_dict`, also after a round through JSON.

        Raises:
            ResultFileError: it is something else, or of another version.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ResultFileError(f'this is no result of `ocdrnet loadtest`: it lacks "format": "{FORMAT}"')
        if data.get("version") != VERSION:
            raise ResultFileError(f"the result is of version {data.get('version')!r}; this program reads {VERSION}")
        return parsed(cls, data)

    def save(self, path: Path) -> None:
        """Write JSON.

        Raises:
            ResultFileError: it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise ResultFileError(f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: Path) -> LoadTestResult:
        """Read what `save` wrote.

        Raises:
            ResultFileError: it cannot be read, or is something else.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultFileError(f"cannot read {path}: {error}") from error
        return cls.from_dict(data)
