"""From the names of two networks to a served repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar, cast

from ocdrnet_deploy.errors import BuildError, NoGpuError
from ocdrnet_deploy.networks.cuda import cuda_refusal
from ocdrnet_deploy.networks.prepare import (
    Engine,
    PreparedDetector,
    PreparedRecognizer,
    prepare_detector,
    prepare_recognizer,
)
from ocdrnet_deploy.networks.trial import Attempt, try_network
from ocdrnet_deploy.quantize.int8 import quantize_pair
from ocdrnet_deploy.repository.assemble import assemble_plans, assemble_repository, check_batch
from ocdrnet_deploy.repository.profile import (
    PROFILES,
    Profile,
    PythonProfile,
    TensorRtProfile,
    cpu_profile,
    cuda_profile,
    tensorrt_profile,
)
from ocdrnet_deploy.repository.trial_file import write_trials
from ocdrnet_deploy.tensorrt.command import PlanPrecision
from ocdrnet_deploy.tensorrt.half import half_precision
from ocdrnet_deploy.tensorrt.network_plan import detector_plan, recognizer_plan
from ocdrnet_ops.charset import ALL

Precision = Literal["fp32", "fp16", "int8"]
AnyProfile = TypeVar("AnyProfile", PythonProfile, TensorRtProfile)

# What each engine can serve, its default first. A CPU engine picks FP32 or bfloat16 itself.
PRECISIONS: dict[Engine, tuple[Precision, ...]] = {
    "cpu": ("fp32", "int8"),
    "cuda": ("fp32", "fp16"),
    "tensorrt": ("fp16", "fp32"),
}
# A plan allots memory for its largest input. Scores of 18,710 classes for 1000 lines of 3200 pixels would be 30 GB.
_FREE_WIDTH_CANDIDATES = 256
_FREE_WIDTH_MAX = 1600


@dataclass(frozen=True)
class BuildOptions:
    """How two networks are served; what is left out is the engine's or the network's default.

    Attributes:
        engine: `cpu`, `cuda` or `tensorrt`.
        precision: of `PRECISIONS` for the engine.
        profile: what the networks are placed for, of `PROFILES`.
        detector_card: description of a detector that is a file.
        recognizer_card: likewise of a recognizer.
        max_candidates: boxes per image at most, instead of the detector's card's.
        recognizer_batch: crops per batch at most; as many as candidates when left out.
        detector_batch: images per run of the detector at most.
        cores: that the server may use; those that this process may when left out.
        step_processes: of Python steps by name, instead of the profile's.
        calibration: folder of images that INT8 is calibrated on; some that are drawn when left out.
        charset: characters that the recognizer is cut to, as the request option of that name.
    """

    engine: Engine = "cpu"
    precision: Precision | None = None
    profile: Profile = PROFILES[0]
    detector_card: Path | None = None
    recognizer_card: Path | None = None
    max_candidates: int | None = None
    recognizer_batch: int | None = None
    detector_batch: int | None = None
    cores: int | None = None
    step_processes: Mapping[str, int] = field(default_factory=dict)
    calibration: Path | None = None
    charset: str = ALL


def build_repository(
    output: Path,
    detector: str,
    recognizer: str,
    options: BuildOptions | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Adapt two networks and assemble a repository that Triton can load.

    Args:
        output: folder of the served repository; files of an earlier build are replaced one by one.
        detector: a detector's name in the catalog, or the path of its ONNX file.
        recognizer: a recognizer's, likewise.
        options: the defaults when left out.
        say: is told what was measured of each network.

    Raises:
        BuildError: a network is unknown, missing or does not fit, does not answer like the original, the batch is below
            the candidate cap, or the engine cannot work here.
    """
    chosen = options or BuildOptions()
    precision = _precision(chosen)
    if chosen.engine == "cuda" and chosen.profile != PROFILES[0]:
        raise BuildError(f"--engine cuda has no profile {chosen.profile}; it has {PROFILES[0]}")
    if chosen.engine == "cuda" and (reason := cuda_refusal()):
        raise NoGpuError(reason)
    found = prepare_detector(detector, card_file=chosen.detector_card, engine=chosen.engine)
    read_by = prepare_recognizer(
        recognizer, card_file=chosen.recognizer_card, engine=chosen.engine, charset=chosen.charset
    )
    found, read_by = _limited(found, read_by, chosen)
    batch = chosen.recognizer_batch or found.card.max_candidates
    check_batch(found.card, batch)  # before minutes of building
    if chosen.engine == "tensorrt":
        _assemble_plans(output, found, read_by, batch, chosen, cast(PlanPrecision, precision))
        return
    if precision == "int8":
        found, read_by = quantize_pair(found, read_by, chosen.calibration)
    if precision == "fp16":
        found = replace(found, model=half_precision(found.model))
        with_charset = half_precision(read_by.charset_model) if read_by.charset_model else None
        read_by = replace(read_by, model=half_precision(read_by.model), charset_model=with_charset)
    cores = chosen.cores
    profile = cpu_profile(chosen.profile, batch, cores) if chosen.engine == "cpu" else cuda_profile(batch, cores)
    attempt = Attempt(profile.provider, profile.detector_threads, precision == "int8", say)
    found, detected = try_network(found, attempt)
    read_by, recognized = try_network(read_by, attempt)
    assemble_repository(output, found, read_by, _overridden(profile, chosen))
    write_trials(output, detected, recognized)


def _precision(options: BuildOptions) -> Precision:
    possible = PRECISIONS[options.engine]
    if options.precision is None:
        return possible[0]
    if options.precision not in possible:
        raise BuildError(f"--engine {options.engine} has no {options.precision}; it has {' and '.join(possible)}")
    return options.precision


def _limited(
    detector: PreparedDetector, recognizer: PreparedRecognizer, options: BuildOptions
) -> tuple[PreparedDetector, PreparedRecognizer]:
    """Cards with the limits of this deployment."""
    candidates = options.max_candidates or detector.card.max_candidates
    if options.engine == "tensorrt" and not recognizer.card.width:
        candidates = options.max_candidates or min(candidates, _FREE_WIDTH_CANDIDATES)
        card = replace(recognizer.card, max_width=min(recognizer.card.max_width, _FREE_WIDTH_MAX))
        recognizer = replace(recognizer, card=card)
    return replace(detector, card=replace(detector.card, max_candidates=candidates)), recognizer


def _overridden(profile: AnyProfile, options: BuildOptions) -> AnyProfile:
    """The profile with what the options name themselves."""
    processes = {**profile.step_processes, **options.step_processes}
    batch = options.detector_batch or profile.detector_batch
    return replace(profile, detector_batch=batch, step_processes=processes)


def _assemble_plans(
    output: Path,
    detector: PreparedDetector,
    recognizer: PreparedRecognizer,
    batch: int,
    options: BuildOptions,
    precision: PlanPrecision,
) -> None:
    profile = _overridden(tensorrt_profile(options.profile, batch, options.cores), options)
    plans = (
        detector_plan(detector, profile.detector_batch, precision),
        recognizer_plan(recognizer, profile.recognizer_batch, precision),
    )
    assemble_plans(output, (detector.card, plans[0]), (recognizer.card, plans[1]), profile)
