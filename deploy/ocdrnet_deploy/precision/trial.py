"""An adapted network tried in its engine before it is served: does it run, how exact and fast is it, in what memory.

OpenVINO is tried first; then, where it computes in bfloat16 and the answer is not the original's, OpenVINO in 32-bit
floats; then ONNX Runtime. What has been tried once on a machine is remembered in the cache.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.files import write_file
from ocdrnet_deploy.machine.cache import cache_folder
from ocdrnet_deploy.networks.prepare import Original, PreparedDetector, PreparedRecognizer, Runtime
from ocdrnet_deploy.precision.agreement import (
    Agreement,
    compare_ids,
    compare_maps,
    drawn_crops,
    drawn_tile,
    original_inputs,
    output_names,
)

Prepared = TypeVar("Prepared", PreparedDetector, PreparedRecognizer)
Array = npt.NDArray[Any]
SLOW_S = 5.0  # a run that takes longer is not repeated to warm up, and callers are told to be patient
_STEPS_OFF = 2  # time steps that a network may have more or less than its width and stride say: of its borders
_LONGEST_S = 3600.0  # that a trial may take
_ENGINES = ("openvino", "onnxruntime", "onnx", "numpy")
_NAMES: dict[str, str] = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime"}


@dataclass(frozen=True)
class Trial:
    """A network as it is going to be served.

    Attributes:
        runtime: `openvino` or `onnxruntime`.
        precision: `f32` where bfloat16 was not exact enough; the runtime's own choice when empty.
        load_s: seconds to compile it.
        run_s: seconds of the first run: an image of the detector, 24 crops of the recognizer.
        memory: bytes of a process with it and nothing else, at most.
        compared: of `Agreement`, as are the next three.
        kind: what was compared.
        equal: share of it.
        off: of it.
        notes: what was tried before, a sentence each.
    """

    runtime: Runtime
    precision: str
    load_s: float
    run_s: float
    memory: int
    kind: str
    compared: int
    equal: float
    off: float
    notes: tuple[str, ...] = ()

    @property
    def is_slow(self) -> bool:
        """Whether a run takes so long that it is not repeated to warm up, and callers have to be patient."""
        return self.run_s > SLOW_S

    @property
    def agreement(self) -> Agreement:
        """With the original."""
        return Agreement(self.kind, self.compared, self.equal, self.off)

    def __str__(self) -> str:
        precision = " in FP32" if self.precision else ""
        what = "image" if self.kind == "pixels" else "24 crops"
        return (
            f"{_NAMES[self.runtime]}{precision}: {self.agreement}; {self.run_s:.2g} s for the first {what}, "
            f"{self.memory / 2**30:.1f} GiB"
        )


@dataclass(frozen=True)
class SideBySide:
    """What a network and its original answered to the same pixels.

    Attributes:
        served: outputs of the network by name.
        expected: of the original.
        taken: by the network: `load_s`, `run_s` and `memory`, as of `Trial`.
    """

    served: dict[str, Array]
    expected: dict[str, Array]
    taken: dict[str, Any]


@dataclass(frozen=True)
class Attempt:
    """How networks are tried.

    Attributes:
        provider: ONNX Runtime's, as of `PythonProfile`.
        threads: cores that a network may use; 0 for all.
        is_approximate: the networks were made so on purpose, as INT8 is: how far they are off is measured, and nothing
            refused.
        say: is told what is tried, and what came of it.
    """

    provider: str = ""
    threads: int = 0
    is_approximate: bool = False
    say: Callable[[str], None] = lambda _: None


def try_network(network: Prepared, attempt: Attempt) -> tuple[Prepared, Trial]:
    """The network with the runtime and precision that it can be served in, and what was measured.

    Raises:
        BuildError: no runtime runs it, or none as the original answers; or its time steps are not its card's.
    """
    notes: list[str] = []
    for runtime, precision in _candidates(network, is_approximate=attempt.is_approximate):
        settings = {"runtime": runtime, "streams": "1", "threads": str(attempt.threads)}
        settings |= {"precision": precision} if precision else {}
        settings |= {"providers": attempt.provider} if attempt.provider and runtime == "onnxruntime" else {}
        tried = _remembered(network, settings) or _try(network, settings)
        if isinstance(tried, str):
            notes.append(f"{_NAMES[runtime]} does not run it: {tried}")
        else:
            trial = replace(tried, notes=tuple(notes))
            if trial.agreement.is_enough or attempt.is_approximate:
                for note in notes:
                    attempt.say(f"{network.card.name}: {note}")
                attempt.say(f"{network.card.name}: {trial}")
                warm_ups = 1 if trial.is_slow else network.warm_ups
                return replace(network, runtime=runtime, precision=precision, warm_ups=warm_ups), trial
            notes.append(f"{trial}: not served so")
    raise BuildError(f"{network.card.name} cannot be served here. " + ". ".join(notes))


def _candidates(
    network: PreparedDetector | PreparedRecognizer, *, is_approximate: bool
) -> Iterator[tuple[Runtime, str]]:
    if network.runtime == "openvino":
        yield "openvino", network.precision
        if not network.precision and not is_approximate and _computes_in_bfloat16():
            yield "openvino", "f32"
    yield "onnxruntime", ""


def _computes_in_bfloat16() -> bool:
    from ocdrnet_triton.engines.openvino import core  # noqa: PLC0415 - an engine is imported where it is used

    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def run_beside_original(
    network: PreparedDetector | PreparedRecognizer, settings: dict[str, str], pixels: Array
) -> SideBySide | str:
    """Run a network and its original once, in a process of their own; a text says why the network does not run.

    Args:
        network: with its original.
        settings: what `ocdrnet_triton.engines.factory.open_network` takes.
        pixels: uint8 [N, h, w, 3] BGR, for both.

    Raises:
        BuildError: the original does not run.
    """
    assert network.original is not None
    with tempfile.TemporaryDirectory(prefix="ocdrnet-trial-") as name:
        folder = Path(name)
        _write_jobs(folder, network, network.original, settings, pixels)
        done = subprocess.run(
            [sys.executable, "-m", "ocdrnet_deploy.precision.trial_run", name],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            timeout=_LONGEST_S,
            check=False,
        )
        taken = _read(folder / "served.json")
        if not taken:
            return f"{_ended(done.returncode)}. {done.stderr.strip().splitlines()[-1:]}"
        if "error" in taken:
            return str(taken["error"])
        if not (folder / "original.npz").exists():
            why = _read(folder / "original.json").get("error", _ended(done.returncode))
            raise BuildError(f"{network.card.name}: ONNX Runtime does not run the network as it was trained: {why}")
        served, expected = (dict(np.load(folder / f"{each}.npz")) for each in ("served", "original"))
    return SideBySide(served, expected, taken)


def _try(network: PreparedDetector | PreparedRecognizer, settings: dict[str, str]) -> Trial | str:
    """Measure it; a text says why it does not run."""
    assert network.original is not None
    run = run_beside_original(network, settings, drawn_inputs(network))
    if isinstance(run, str):
        return run
    if isinstance(network, PreparedDetector):
        agreement = compare_maps(run.expected, network.original.description, run.served["pred"])
    else:
        _check_steps(network, run, drawn_inputs(network).shape)
        served = run.served["output_id"], run.served["output_prob"]
        agreement = compare_ids(run.expected, network.original.description, *served)
    measured = {**run.taken, **dataclasses.asdict(agreement)}
    trial = Trial(cast(Runtime, settings["runtime"]), settings.get("precision", ""), **measured)
    _remember(network, settings, trial)
    return trial


def _check_steps(network: PreparedRecognizer, run: SideBySide, shape: tuple[int, ...]) -> None:
    """Refuse what is no [N, T, ...], or has other time steps than its card: its texts would be in wrong places."""
    name, card = network.card.name, network.card
    answered = next(iter(run.expected.values())).shape
    if answered[0] != shape[0]:
        raise BuildError(
            f"{name} answers {list(answered)} to {shape[0]} crops; it must be [N, T, classes], the crops first: "
            "transpose its answer before the export"
        )
    steps, wanted = run.served["output_id"].shape[1], shape[2] / card.stride
    if not card.width and abs(steps - wanted) > _STEPS_OFF:
        raise BuildError(
            f"{name} answers {steps} time steps for {shape[2]} pixels of width, so each is {shape[2] / steps:.3g} "
            f"pixels; its card says stride {card.stride}"
        )


def _ended(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its process was killed, as the system does when its memory is used up"
    return f"its process ended with exit code {code}"


def _write_jobs(
    folder: Path,
    network: PreparedDetector | PreparedRecognizer,
    original: Original,
    settings: dict[str, str],
    pixels: Array,
) -> None:
    is_detector = isinstance(network, PreparedDetector)
    np.save(folder / "pixels.npy", pixels)
    np.save(folder / "planes.npy", original_inputs(pixels, original.description.normalization))
    (folder / "served").write_bytes(network.model.SerializeToString())
    (folder / "original").write_bytes(original.model.SerializeToString())
    served = ["pred"] if is_detector else ["output_id", "output_prob"]
    plain = {"runtime": "onnxruntime", "streams": "1", "threads": "0"}
    jobs = [
        {"model": "served", "outputs": served, "parameters": settings, "inputs": "pixels.npy"},
        {"model": "original", "outputs": output_names(original), "parameters": plain, "inputs": "planes.npy"},
    ]
    (folder / "jobs.json").write_text(json.dumps(jobs), encoding="utf-8")


def drawn_inputs(network: PreparedDetector | PreparedRecognizer) -> npt.NDArray[np.uint8]:
    """What the network is tried on, as it is fed it: uint8 [N, h, w, 3] BGR, as many as one run takes."""
    if isinstance(network, PreparedDetector):
        return drawn_tile(network.card)
    return drawn_crops(network.card)[: network.max_batch or None]


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _place(network: PreparedDetector | PreparedRecognizer, settings: dict[str, str]) -> Path:
    """Where a trial is remembered: by all that could change it."""
    assert network.original is not None
    key = hashlib.sha256()
    key.update(network.model.SerializeToString(deterministic=True))
    key.update(network.original.model.SerializeToString(deterministic=True))
    versions = {name: metadata.version(name) for name in _ENGINES if _is_installed(name)}
    about = [repr(network.original.description), repr(network.card), settings, versions, len(os.sched_getaffinity(0))]
    key.update(json.dumps(about, sort_keys=True).encode())
    key.update(drawn_inputs(network).tobytes())
    key.update(_processor().encode())
    return cache_folder() / "trials" / f"{key.hexdigest()}.json"


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def cpu_flags() -> frozenset[str]:
    """What the CPU can, as Linux names it; nothing on other systems."""
    lines = [line for line in _processor().splitlines() if line.startswith("flags")]
    return frozenset(lines[0].partition(":")[2].split()) if lines else frozenset()


def _processor() -> str:
    """The processor's name and abilities: its arithmetic depends on them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))


def _remembered(network: PreparedDetector | PreparedRecognizer, settings: dict[str, str]) -> Trial | None:
    found = _read(_place(network, settings))
    try:
        return Trial(**{**found, "notes": ()}) if found else None
    except TypeError:
        return None  # of another version of this program


def _remember(network: PreparedDetector | PreparedRecognizer, settings: dict[str, str], trial: Trial) -> None:
    try:
        write_file(_place(network, settings), json.dumps(dataclasses.asdict(trial)))
    except OSError:
        return  # it is measured again the next time
