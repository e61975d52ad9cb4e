"""Assemble a served repository from the project's models, two networks and a deployment profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.paths import model_repository
from ocdrnet_deploy.repository.configs import (
    ModelConfig,
    config_text,
    drop_crop_widths,
    limit_tiles,
    place_detector,
    place_processes,
    place_recognizer,
    read_config,
)
from ocdrnet_deploy.repository.files import write_file
from ocdrnet_deploy.repository.plan_configs import place_plan
from ocdrnet_deploy.repository.profile import PythonProfile, TensorRtProfile
from ocdrnet_deploy.repository.trial_file import TRIAL_FILE
from ocdrnet_deploy.tensorrt.network_plan import NetworkPlan
from ocdrnet_deploy.tensorrt.plan import check_plan, sidecar
from ocdrnet_ops.cards import DetectorCard, RecognizerCard, card_json

Edit = Callable[[ModelConfig], None]
_NETWORK_FILES = ("model.onnx", "charset.onnx", "model.plan", "model.plan.json", TRIAL_FILE)


@dataclass(frozen=True)
class _Model:
    """A model of the served repository that is not the template as it is: files beside its code, and its config."""

    edit: Edit
    files: dict[str, bytes | str]
    has_code: bool = True


def assemble_repository(
    output: Path, detector: PreparedDetector, recognizer: PreparedRecognizer, profile: PythonProfile
) -> None:
    """Write a repository that Triton can load, with both networks in its Python backend.

    Args:
        output: folder of the served repository; files of an earlier build are replaced one by one.
        detector: adapted network and its card.
        recognizer: adapted network and its card.
        profile: threads, processes and batches.

    Raises:
        BuildError: the recognizer's batch is below the detector's candidate cap, or a file cannot be written.
    """
    check_batch(detector.card, profile.recognizer_batch)
    max_tiles = max(profile.max_tiles, profile.detector_batch)
    networks = {
        "image_preprocess": _Model(lambda config: limit_tiles(config, max_tiles), {}),
        "ocdnet": _Model(
            lambda config: place_detector(config, detector, profile),
            {"model.onnx": detector.model.SerializeToString(), "card.json": card_json(detector.card)},
        ),
        "ocrnet": _Model(lambda config: place_recognizer(config, recognizer, profile), _recognizer_files(recognizer)),
    }
    _write(output, networks, profile.step_processes)


def assemble_plans(
    output: Path,
    detector: tuple[DetectorCard, NetworkPlan],
    recognizer: tuple[RecognizerCard, NetworkPlan],
    profile: TensorRtProfile,
) -> None:
    """Write a repository that Triton can load, with both networks as TensorRT plans.

    Args:
        output: as of `assemble_repository`.
        detector: its card and plan.
        recognizer: its card and plan.
        profile: instances, queues, and processes of the Python steps.

    Raises:
        BuildError: as of `assemble_repository`.
        PlanError: a plan is not for this machine's GPU and TensorRT.
    """
    check_batch(detector[0], recognizer[1].shapes.max_batch)
    max_tiles = detector[1].shapes.max_batch
    networks = {
        "image_preprocess": _Model(lambda config: limit_tiles(config, max_tiles), {}),
        "ocdnet": _plan_model(*detector, profile),
        "ocrnet": _plan_model(*recognizer, profile),
        "ocdrnet": _Model(drop_crop_widths, {}),
    }
    _write(output, networks, profile.step_processes)


def check_batch(card: DetectorCard, recognizer_batch: int) -> None:
    """Refuse a recognizer that could not take all crops of one image: they are one batch, and Triton splits none.

    Raises:
        BuildError: the batch is below the candidate cap.
    """
    if recognizer_batch < card.max_candidates:
        raise BuildError(
            f"the recognizer's batch of {recognizer_batch} is below the detector's candidate cap of "
            f"{card.max_candidates}: an image with more boxes would fail. Raise --recognizer-batch or lower "
            "--max-candidates"
        )


def _recognizer_files(recognizer: PreparedRecognizer) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {
        "model.onnx": recognizer.model.SerializeToString(),
        "card.json": card_json(recognizer.card),
    }
    if recognizer.charset_model:
        files["charset.onnx"] = recognizer.charset_model.SerializeToString()
    return files


def _plan_model(card: DetectorCard | RecognizerCard, plan: NetworkPlan, profile: TensorRtProfile) -> _Model:
    check_plan(plan.path)
    files: dict[str, bytes | str] = {
        "model.plan": plan.path.read_bytes(),
        "model.plan.json": sidecar(plan.path).read_bytes(),
        "card.json": card_json(card),
    }
    return _Model(lambda config: place_plan(config, plan, profile), files, has_code=False)


def _write(output: Path, edited: Mapping[str, _Model], processes: Mapping[str, int]) -> None:
    try:
        for source in sorted(path for path in model_repository().iterdir() if path.is_dir()):
            model = edited.get(source.name, _Model(lambda _: None, {}))
            _write_model(source, output / source.name, model, processes.get(source.name, 1))
    except OSError as error:
        raise BuildError(f"{output} was not assembled: {error.filename}: {error.strerror}") from None


def _write_model(source: Path, target: Path, model: _Model, processes: int) -> None:
    version = target / "1"
    version.mkdir(parents=True, exist_ok=True)  # Triton wants a version folder, also of an ensemble
    code = source / "1" / "model.py"
    files = dict(model.files) | ({"model.py": code.read_bytes()} if model.has_code and code.exists() else {})
    for name, content in files.items():
        write_file(version / name, content)
    for old in {"model.py", *_NETWORK_FILES} - set(files):  # of another engine's build
        (version / old).unlink(missing_ok=True)
    config = read_config(source / "config.pbtxt")
    model.edit(config)
    place_processes(config, processes)
    write_file(target / "config.pbtxt", config_text(config))
