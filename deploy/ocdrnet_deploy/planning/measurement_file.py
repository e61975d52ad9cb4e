"""Reads the JSON of `ocdrnet loadtest` strictly, and says how far it can be trusted."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ocdrnet_deploy.planning.errors import MeasurementError
from ocdrnet_deploy.planning.measurement import Batch, CpuUse, Knee, Measurement, MixImage, Model, ModelCounts, Step

T = TypeVar("T")


class Fields:
    """A JSON object and where it stands in its file."""

    def __init__(self, data: object, place: str) -> None:
        """Take an object.

        Args:
            data: parsed JSON.
            place: dotted path, for messages; empty for the whole file.

        Raises:
            MeasurementError: it is no object.
        """
        if not isinstance(data, Mapping):
            raise MeasurementError(f"{place or 'the file'} is {_shown(data)}; it must be an object")
        self._data: Mapping[str, Any] = data
        self._place = place

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self._data.get(key) is not None

    def knows(self, key: str) -> bool:
        """Whether the key is there, be it null."""
        return key in self._data

    def place(self, key: str) -> str:
        """The dotted path of a key."""
        return f"{self._place}.{key}" if self._place else key

    def number(self, key: str) -> float:
        """A finite number from 0 on."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise MeasurementError(f"{self.place(key)} is {_shown(value)}; it must be a number from 0 on")
        return float(value)

    def count(self, key: str) -> int:
        """A whole number from 0 on."""
        value = self._value(key)
        if type(value) is not int or value < 0:
            raise MeasurementError(f"{self.place(key)} is {_shown(value)}; it must be a whole number from 0 on")
        return value

    def text(self, key: str) -> str:
        """A string."""
        return self._of(str, key, "text")

    def flag(self, key: str) -> bool:
        """True or false."""
        return self._of(bool, key, "true or false")

    def names(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        items = self._of(list, key, "a list")
        if not all(isinstance(item, str) for item in items):
            raise MeasurementError(f"{self.place(key)} is {_shown(items)}; it must be a list of names")
        return tuple(items)

    def numbers(self, key: str) -> tuple[float, ...]:
        """A list of numbers from 0 on."""
        items = self._of(list, key, "a list")
        entries = Fields({str(index): item for index, item in enumerate(items)}, self.place(key))
        return tuple(entries.number(str(index)) for index in range(len(items)))

    def sub(self, key: str) -> Fields:
        """An object."""
        return Fields(self._value(key), self.place(key))

    def each(self, key: str) -> Iterator[Fields]:
        """The objects of a list."""
        for index, item in enumerate(self._of(list, key, "a list")):
            yield Fields(item, f"{self.place(key)}[{index}]")

    def keys(self) -> tuple[str, ...]:
        """All keys."""
        return tuple(self._data)

    def _value(self, key: str) -> Any:  # noqa: ANN401 (JSON)
        if key not in self._data:
            raise MeasurementError(f"{self.place(key)} is missing")
        return self._data[key]

    def _of(self, kind: type[T], key: str, name: str) -> T:
        value = self._value(key)
        if not isinstance(value, kind):
            raise MeasurementError(f"{self.place(key)} is {_shown(value)}; it must be {name}")
        return value


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


PREFERRED = "preferred_batch_size"


def silent_on_preferred(served: Fields, visits: tuple[str, ...]) -> list[str]:
    """That the file lacks what decides how batches grow."""
    models = {name: served.sub(name) for name in dict.fromkeys(visits)}
    silent = [name for name, model in models.items() if model.count("max_batch_size") and not model.knows(PREFERRED)]
    if not silent:
        return []
    return [
        f"the file does not say the preferred batch of {' and '.join(silent)}: their batches are taken to grow up to "
        "their limit; say --preferred MODEL=ROWS where the server's config has one"
    ]


def doubts(low: Step, knee: Knee | None, steps: list[Fields]) -> list[str]:
    """What makes the figures less sure, a sentence each."""
    found = []
    if knee and low.rate > 0.7 * knee.rate:
        found.append(
            f"the lowest measured rate, {low.rate:.3g}/s, is over 70 % of the knee, {knee.rate:.3g}/s: what it says of "
            "an unloaded server is not sure; measure with a lower --start-rate"
        )
    if low.sent < 100:
        found.append(f"the lowest rate was measured with {low.sent} requests; 500 make it surer")
    if any(step.has("foreign_requests") and step.count("foreign_requests") for step in steps):
        found.append("others used the server during the measurement; measure again with it alone")
    if knee and not knee.is_servers:
        found.append("the load generator was the bottleneck of the measured knee; the server's is higher")
    return found


FORMAT = "ocdrnet-loadtest"
VERSION = 1
HOW_TO_MEASURE = (
    "measure a running server with: pip install 'ocdrnet[loadtest]', then "
    "ocdrnet loadtest --images FOLDER --p99 1s --json results.json"
)


def load_measurement(path: Path) -> Measurement:
    """Read the JSON of `ocdrnet loadtest`.

    Raises:
        MeasurementError: it cannot be read, is something else, or lacks a field; the text names it.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MeasurementError(f"cannot read {path}: {error}; {HOW_TO_MEASURE}") from error
    try:
        return parse_measurement(data)
    except MeasurementError as error:
        raise MeasurementError(f"{path}: {error}; {HOW_TO_MEASURE}") from error


def parse_measurement(data: object) -> Measurement:
    """As `load_measurement`, from parsed JSON."""
    root = Fields(data, "")
    _check_format(root)
    target, machine = root.sub("target"), root.sub("machine")
    ensemble = target.text("model")
    served = target.sub("models")
    if not served.has(ensemble):
        raise MeasurementError(
            f"{served.place(ensemble)} is missing: the server did not say what the ensemble is made of"
        )
    visits = served.sub(ensemble).names("depends_on")
    if not visits:
        raise MeasurementError(f"{served.place(ensemble)}.depends_on is empty; it must name the ensemble's steps")
    is_local = machine.flag("server_is_local")
    steps = _open_loop_steps(root)
    low = _step(min(steps, key=lambda step: step.number("offered_rate")), ensemble, visits, is_local)
    uses = [_cpu_use(step, ensemble, is_local) for step in steps]
    knee = _knee(root, steps)
    return Measurement(
        ensemble=ensemble,
        visits=visits,
        models={name: _model(served.sub(name)) for name in dict.fromkeys(visits)},
        cores=_cores(machine),
        cpu=machine.text("cpu"),
        images=_images(root.sub("mix")),
        low=low,
        cpu_use=tuple(use for use in uses if use.images),
        knee=knee,
        is_poisson=root.text("arrivals") == "poisson",
        warnings=(*doubts(low, knee, steps), *silent_on_preferred(served, visits)),
    )


def _check_format(root: Fields) -> None:
    if root.has("benchmark"):
        raise MeasurementError("this is the result of a benchmark; planning takes that of `ocdrnet loadtest`")
    if not root.has("format") or root.text("format") != FORMAT:
        raise MeasurementError(f'format is not "{FORMAT}"')
    if root.count("version") != VERSION:
        raise MeasurementError(f"version is {root.count('version')}; this program reads {VERSION}")


def _open_loop_steps(root: Fields) -> list[Fields]:
    steps = [step for step in root.each("steps") if step.has("offered_rate") and step.number("offered_rate") > 0]
    if not steps:
        raise MeasurementError("steps has none with an offered_rate; planning takes a staircase or --rate, not --users")
    return steps


def _cores(machine: Fields) -> int:
    cores = machine.count("cores")
    if not cores:
        raise MeasurementError(f"{machine.place('cores')} is 0; it must be 1 at least")
    return cores


def _images(mix: Fields) -> tuple[MixImage, ...]:
    """Those that were sent: one that never went out has no boxes."""
    found = tuple(_image(image) for image in mix.each("pictures") if image.count("sent"))
    if not found:
        raise MeasurementError(f"{mix.place('pictures')} has none that was sent")
    return found


def _image(image: Fields) -> MixImage:
    return MixImage(image.count("width") * image.count("height"), image.number("boxes"))


def _model(model: Fields) -> Model:
    return Model(
        instances=max(1, model.count("instances")),
        max_batch_size=model.count("max_batch_size"),
        queue_delay_s=model.number("queue_delay_s") if model.has("queue_delay_s") else 0.0,
        preferred_batch_size=model.count(PREFERRED) if model.has(PREFERRED) else None,
    )


def _cpu_use(step: Fields, ensemble: str, is_local: bool) -> CpuUse:
    """None of a step without counters."""
    if not step.has("server_cpu_s") or not step.has("models") or not step.sub("models").has(ensemble):
        return CpuUse(0, 0.0, 0.0)
    processes = step.sub("server_cpu_s")
    spent = sum(processes.number(name) for name in processes.keys())  # noqa: SIM118 (not a dict)
    # Counted, not the schedule's length: a step may have been cut short.
    seconds = (step.count("sent") + step.count("settling")) / step.number("offered_rate")
    images = step.sub("models").sub(ensemble).count("requests")
    return CpuUse(images, spent + _client_cpu_s(step, is_local), seconds)


def _client_cpu_s(step: Fields, is_local: bool) -> float:
    """Of the generator, if it shared the server's machine."""
    return step.sub("lateness").number("cpu_share") * step.number("seconds") if is_local else 0.0


def _step(step: Fields, ensemble: str, visits: tuple[str, ...], is_local: bool) -> Step:
    models = step.sub("models")
    names = (ensemble, *dict.fromkeys(visits))
    if not step.has("server_cpu_s"):
        raise MeasurementError(
            f"{step.place('server_cpu_s')} is missing: measure on the server's machine, with --server-pid where needed"
        )
    processes = step.sub("server_cpu_s")
    latency = step.sub("latency")
    return Step(
        rate=step.number("offered_rate"),
        sent=step.count("sent"),
        settling=step.count("settling"),
        mean_s=latency.number("mean"),
        quantiles=latency.numbers("quantiles") if latency.has("quantiles") else (),
        cpu_s={name: processes.number(name) for name in processes.keys()},  # noqa: SIM118 (not a dict)
        client_cpu_s=_client_cpu_s(step, is_local),
        models={name: _counts(models.sub(name)) for name in names},
    )


def _counts(model: Fields) -> ModelCounts:
    found = ModelCounts(
        requests=model.count("requests"),
        inferences=model.count("inferences"),
        executions=model.count("executions"),
        queue_s=model.number("queue_s"),
        request_s=sum(model.number(f"compute_{part}_s") for part in ("input", "infer", "output")),
        batches=tuple(
            Batch(batch.count("size"), batch.count("executions"), batch.number("compute_s"))
            for batch in model.each("batches")
        ),
    )
    for key, value in (("requests", found.requests), ("batches", found.executions and found.busy_s)):
        if not value:
            raise MeasurementError(f"{model.place(key)} holds nothing; the model must have worked during the step")
    return found


def _knee(root: Fields, steps: list[Fields]) -> Knee | None:
    if not root.has("knee"):
        return None
    knee = root.sub("knee")
    if not knee.has("rate"):
        return None
    at_knee = [step for step in steps if step.number("offered_rate") == knee.number("rate")]
    shown = at_knee[-1] if at_knee else steps[0]
    return Knee(
        rate=knee.number("rate"),
        failed_rate=knee.number("failed_rate") if knee.has("failed_rate") else None,
        p99_limit_s=knee.number("p99_limit_s"),
        requests=max(1, shown.count("sent")),
        settling=shown.count("settling"),
        is_servers=knee.text("limited_by") == "server",
    )
