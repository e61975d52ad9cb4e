"""From the names of two networks to a served repository."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import onnx
from onnx import TensorProto, helper

from ocdrnet_deploy.errors import BuildError, NoGpuError
from ocdrnet_deploy.machine.cores import usable_memory
from ocdrnet_deploy.networks.prepare import (
    Engine,
    PreparedDetector,
    PreparedRecognizer,
    prepare_detector,
    prepare_recognizer,
)
from ocdrnet_deploy.precision.half import half_precision
from ocdrnet_deploy.precision.int8 import quantize_detector, quantize_pair, why_not_int8
from ocdrnet_deploy.precision.trial import Attempt, cpu_flags, try_network
from ocdrnet_deploy.repository.assemble import assemble_plans, assemble_repository, check_batch
from ocdrnet_deploy.repository.profile import (
    FRONT_END_PROCESSES,
    FRONT_END_STEPS,
    FRONT_ENDS,
    PROFILES,
    FrontEnd,
    Profile,
    PythonProfile,
    TensorRtProfile,
    cpu_profile,
    cuda_profile,
    most_in_flight,
    tensorrt_profile,
)
from ocdrnet_deploy.repository.trial_file import trial_text
from ocdrnet_deploy.tensorrt.command import PlanPrecision
from ocdrnet_deploy.tensorrt.machine import find_gpu
from ocdrnet_deploy.tensorrt.network_plan import detector_plan, recognizer_plan
from ocdrnet_deploy.triton_versions import knows_in_flight_limit, target_triton
from ocdrnet_ops.recognition.charset import ALL

CUDA = "CUDAExecutionProvider"
INSTALL = "pip uninstall onnxruntime && pip install onnxruntime-gpu"


def cuda_refusal() -> str | None:
    """Why the engine `cuda` cannot be used here and what to do about it; None where it can.

    A provider that is compiled in may still lack CUDA's libraries or a GPU, and ONNX Runtime then takes the CPU with
    no more than a line in its log. So a session is made and asked.
    """
    try:
        import onnxruntime as ort  # noqa: PLC0415 - the engine may be missing, and that is an answer
    except ImportError:
        return f"the engine cuda needs ONNX Runtime for GPUs, which is not installed: {INSTALL}"
    if CUDA not in ort.get_available_providers():
        return f"this ONNX Runtime {ort.__version__} is built for the CPU alone: {INSTALL}"
    used, reason = _providers_used(ort)
    if CUDA not in used:
        return f"ONNX Runtime finds no GPU that it can use{reason}: check nvidia-smi, and CUDA's and cuDNN's versions"
    return None


def _providers_used(ort: Any) -> tuple[list[str], str]:  # noqa: ANN401 - a module
    """Providers of a session that asks for CUDA, and what kept it from opening."""
    try:
        session = ort.InferenceSession(_smallest_network(), providers=[CUDA, "CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has many classes, one for each status code
        return [], f" ({error})"
    return list(session.get_providers()), ""


def _smallest_network() -> bytes:
    """One Identity node."""
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = onnx.ModelProto.SerializeToString(model)
    return content


Precision = Literal["fp32", "fp16", "int8", "auto"]
AnyProfile = TypeVar("AnyProfile", PythonProfile, TensorRtProfile)

# What each engine can serve, its default first. A CPU engine picks FP32 or bfloat16 itself.
PRECISIONS: dict[Engine, tuple[Precision, ...]] = {
    "cpu": ("fp32", "int8", "auto"),
    "cuda": ("fp32", "fp16"),
    "tensorrt": ("fp16", "fp32"),
}


@dataclass(frozen=True)
class BuildOptions:
    """How two networks are served; what is left out is the engine's or the network's default.

    Attributes:
        engine: `cpu`, `cuda` or `tensorrt`.
        precision: of `PRECISIONS` for the engine; `auto` is INT8 for the detector where this CPU gains by it.
        profile: what the networks are placed for, of `PROFILES`.
        detector_card: description of a detector that is a file.
        recognizer_card: likewise of a recognizer, the first of several.
        max_candidates: boxes per image at most, instead of the detector's card's.
        recognizer_batch: crops per batch at most; as many as candidates when left out.
        detector_batch: images per run of the detector at most.
        cores: that the server may use; those that this process may when left out.
        step_processes: of Python steps by name, instead of the profile's.
        calibration: folder of images that INT8 is calibrated on; some that are drawn when left out.
        charset: characters that the recognizer is cut to, as the request option of that name.
        triton: the version that serves, as NVIDIA numbers its containers; that of `target_triton` when left out.
        memory: bytes that the server may use; those that this process may when left out.
        front_end: what decodes, scales and crops: `cpu`; or `gpu`, on CPU tensors where this machine has no GPU.
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
    triton: str | None = None
    memory: int | None = None
    front_end: FrontEnd = FRONT_ENDS[0]


def build_repository(
    output: Path,
    detector: str,
    recognizer: str | Sequence[str],
    options: BuildOptions | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Adapt a detector and a recognizer, or several, and assemble a repository that Triton can load.

    Args:
        output: folder of the served repository; what an earlier build made there is replaced as one, or stays.
        detector: a detector's name in the catalog, or the path of its ONNX file.
        recognizer: a recognizer's, likewise; of several each further one reads what the first one doubts.
        options: the defaults when left out.
        say: is told what was measured of each network, and where the front end works if it is not the default one.

    Raises:
        BuildError: a network is unknown, missing or does not fit, does not answer like the original, the batch is below
            the candidate cap, or the engine cannot work here.
    """
    chosen = options or BuildOptions()
    precision = _precision(chosen)
    in_flight = _in_flight(chosen)
    if chosen.engine == "cuda" and chosen.profile != PROFILES[0]:
        raise BuildError(f"--engine cuda has no profile {chosen.profile}; it has {PROFILES[0]}")
    if chosen.engine == "cuda" and (reason := cuda_refusal()):
        raise NoGpuError(reason)
    names = [recognizer] if isinstance(recognizer, str) else list(recognizer)
    _check_several(names, chosen, precision)
    found = prepare_detector(detector, card_file=chosen.detector_card, engine=chosen.engine)
    read_by, *others = (
        prepare_recognizer(name, card_file=card, engine=chosen.engine, charset=chosen.charset)
        for name, card in zip(names, [chosen.recognizer_card, *[None] * (len(names) - 1)], strict=True)
    )
    if chosen.max_candidates:
        found = replace(found, card=replace(found.card, max_candidates=chosen.max_candidates))
    batch = chosen.recognizer_batch or found.card.max_candidates
    check_batch(found.card, batch)  # before minutes of building
    if chosen.engine == "tensorrt":
        _assemble_plans(output, found, read_by, batch, chosen, cast(PlanPrecision, precision), in_flight, say)
        return
    if precision == "int8":
        found, read_by = quantize_pair(found, read_by, chosen.calibration)
    is_rounded = precision == "int8" or (precision == "auto" and _gains_by_int8(found, say))
    if precision == "auto" and is_rounded:
        found = quantize_detector(found, chosen.calibration)
    if precision == "fp16":
        found = replace(found, model=half_precision(found.model))
        read_by, others = _halved(read_by), [_halved(other) for other in others]
    cores = chosen.cores
    profile = cpu_profile(chosen.profile, batch, cores) if chosen.engine == "cpu" else cuda_profile(batch, cores)
    attempt = Attempt(profile.provider, profile.detector_threads, say=say)
    found, detected = try_network(found, replace(attempt, is_approximate=is_rounded))
    read_by, recognized = try_network(read_by, replace(attempt, is_approximate=precision == "int8"))
    others = [try_network(other, attempt)[0] for other in others]
    trials = trial_text(detected), trial_text(recognized)
    assemble_repository(output, found, read_by, _overridden(profile, chosen, say), in_flight, trials, others)


def _check_several(names: Sequence[str], options: BuildOptions, precision: Precision) -> None:
    """Refuse before anything is loaded what several recognizers do not go with."""
    if len(names) == 1:
        return
    if options.engine == "tensorrt" or precision == "int8":
        what = "--engine tensorrt" if options.engine == "tensorrt" else "--precision int8"
        raise BuildError(f"{what} takes one recognizer, not {' and '.join(names)}; several need --engine cpu or cuda")
    if len(set(names)) < len(names):
        raise BuildError(f"the recognizers are {' and '.join(names)}; each can be named once")
    if options.charset != ALL:
        raise BuildError(f"--charset {options.charset} cuts one recognizer, not {' and '.join(names)}")


def _gains_by_int8(detector: PreparedDetector, say: Callable[[str], None]) -> bool:
    runs_in = "" if detector.runtime == "openvino" else f"{detector.card.name} runs in {detector.runtime}"
    if reason := runs_in or why_not_int8(cpu_flags()):
        say(f"Both networks stay in floats: {reason}.")
        return False
    say("The detector is in INT8: this CPU has VNNI and no AMX. The recognizer stays in floats.")
    return True


def _halved(recognizer: PreparedRecognizer) -> PreparedRecognizer:
    with_charset = half_precision(recognizer.charset_model) if recognizer.charset_model else None
    return replace(recognizer, model=half_precision(recognizer.model), charset_model=with_charset)


def _precision(options: BuildOptions) -> Precision:
    possible = PRECISIONS[options.engine]
    if options.precision is None:
        return possible[0]
    if options.precision not in possible:
        has = f"{', '.join(possible[:-1])} and {possible[-1]}"
        raise BuildError(f"--engine {options.engine} has no {options.precision}; it has {has}")
    return options.precision


def _in_flight(options: BuildOptions) -> int:
    """Requests in a step at once; 0 for a Triton that knows no such limit, and refuses the field."""
    if not knows_in_flight_limit(target_triton(options.engine, options.triton)):
        return 0
    return most_in_flight(options.memory or usable_memory())


def _overridden(profile: AnyProfile, options: BuildOptions, say: Callable[[str], None]) -> AnyProfile:
    """The profile with what the options name themselves."""
    processes = dict(profile.step_processes)
    if options.front_end == "gpu":
        profile = replace(profile, front_end_on_gpu=_has_gpu(say))
        processes |= {name: min(FRONT_END_PROCESSES, processes.get(name, 1)) for name in FRONT_END_STEPS}
    batch = options.detector_batch or profile.detector_batch
    return replace(profile, detector_batch=batch, step_processes=processes | dict(options.step_processes))


def _has_gpu(say: Callable[[str], None]) -> bool:
    try:
        gpu = find_gpu()
    except NoGpuError as error:
        say(f"The front end for a GPU works on CPU tensors, slower than --front-end cpu: {error}")
        return False
    say(f"The front end works on {gpu}.")
    return True


def _assemble_plans(
    output: Path,
    detector: PreparedDetector,
    recognizer: PreparedRecognizer,
    batch: int,
    options: BuildOptions,
    precision: PlanPrecision,
    in_flight: int,
    say: Callable[[str], None],
) -> None:
    profile = _overridden(tensorrt_profile(options.profile, batch, options.cores), options, say)
    plans = (
        detector_plan(detector, profile.detector_batch, precision),
        recognizer_plan(recognizer, profile.recognizer_batch, precision),
    )
    assemble_plans(output, (detector.card, plans[0]), (recognizer.card, plans[1]), profile, in_flight)
