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
    limit_in_flight,
    limit_tiles,
    place_detector,
    place_grouping,
    place_processes,
    place_recognizer,
    read_config,
)
from ocdrnet_deploy.repository.ensemble import check_ensemble
from ocdrnet_deploy.repository.plan_configs import place_plan
from ocdrnet_deploy.repository.profile import PythonProfile, TensorRtProfile
from ocdrnet_deploy.repository.replace import CONFIG, ENSEMBLE, RECOGNIZER_PLAN, Content, replace_repository
from ocdrnet_deploy.repository.trial_file import TRIAL_FILE
from ocdrnet_deploy.tensorrt.cache import find_or_build_plan
from ocdrnet_deploy.tensorrt.network_plan import NetworkPlan
from ocdrnet_deploy.tensorrt.plan import sidecar
from ocdrnet_ops.cards import DetectorCard, RecognizerCard, card_json

Edit = Callable[[ModelConfig], None]
Files = dict[str, Content]


@dataclass(frozen=True)
class _Model:
    """A model of the served repository that is not the template as it is: its config, and its code if it has any."""

    edit: Edit
    has_code: bool = True


def assemble_repository(
    output: Path,
    detector: PreparedDetector,
    recognizer: PreparedRecognizer,
    profile: PythonProfile,
    max_in_flight: int = 0,
    trials: tuple[str, str] | None = None,
) -> None:
    """Write a repository that Triton can load, with both networks in its Python backend.

    Args:
        output: folder of the served repository; what an earlier build made there is replaced as one.
        detector: adapted network and its card.
        recognizer: adapted network and its card.
        profile: threads, processes and batches.
        max_in_flight: as of `limit_in_flight`.
        trials: of the detector and the recognizer, as of `trial_file`.

    Raises:
        BuildError: the recognizer's batch is below the detector's candidate cap, Triton would not load the ensemble, or
            the folder cannot be written; what was there is there still.
    """
    check_batch(detector.card, profile.recognizer_batch)
    max_tiles = max(profile.max_tiles, profile.detector_batch)
    models = {
        "image_preprocess": _Model(lambda config: limit_tiles(config, max_tiles)),
        "ocdnet": _Model(lambda config: place_detector(config, detector, profile)),
        "ocrnet": _Model(lambda config: place_recognizer(config, recognizer, profile)),
        ENSEMBLE: _Model(lambda config: limit_in_flight(config, max_in_flight)),
    }
    files = _templates(models, profile.step_processes)
    files["ocdnet"] |= _card(detector.card) | {"1/model.onnx": detector.model.SerializeToString()}
    files["ocrnet"] |= _card(recognizer.card) | {"1/model.onnx": recognizer.model.SerializeToString()}
    if recognizer.charset_model:
        files["ocrnet"]["1/charset.onnx"] = recognizer.charset_model.SerializeToString()
    if trials:
        files["ocdnet"][f"1/{TRIAL_FILE}"], files["ocrnet"][f"1/{TRIAL_FILE}"] = trials
    replace_repository(output, files)


def assemble_plans(
    output: Path,
    detector: tuple[DetectorCard, NetworkPlan],
    recognizer: tuple[RecognizerCard, NetworkPlan],
    profile: TensorRtProfile,
    max_in_flight: int = 0,
) -> None:
    """Write a repository that Triton can load, with both networks as TensorRT plans, from the cache or built into it.

    Args:
        output: as of `assemble_repository`.
        detector: its card and plan.
        recognizer: its card and plan.
        profile: instances, queues, and processes of the Python steps.
        max_in_flight: as of `limit_in_flight`.

    Raises:
        BuildError: as of `assemble_repository`; or there is no GPU or TensorRT here, or a build failed.
    """
    check_batch(detector[0], profile.recognizer_batch)
    max_tiles = detector[1].shapes.max_batch

    in_groups = not recognizer[0].width
    plan_model = RECOGNIZER_PLAN if in_groups else "ocrnet"

    def edit_ensemble(config: ModelConfig) -> None:
        if not in_groups:
            drop_crop_widths(config)
        limit_in_flight(config, max_in_flight)

    models = {
        "image_preprocess": _Model(lambda config: limit_tiles(config, max_tiles)),
        "ocdnet": _Model(lambda config: place_plan(config, detector[1], profile), has_code=False),
        plan_model: _Model(lambda config: place_plan(config, recognizer[1], profile), has_code=False),
        ENSEMBLE: _Model(edit_ensemble),
    }
    if in_groups:
        models["ocrnet"] = _Model(lambda config: place_grouping(config, recognizer[0], plan_model, profile))
    files = _templates(models, profile.step_processes)
    files["ocdnet"] |= _card(detector[0]) | _plan(detector[1])
    files["ocrnet"] |= _card(recognizer[0])
    files[plan_model] |= _plan(recognizer[1])
    replace_repository(output, files)


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


def _templates(edited: Mapping[str, _Model], processes: Mapping[str, int]) -> dict[str, Files]:
    """Config and code of every model, edited, by the model's name; refused if Triton would refuse them.

    Raises:
        BuildError: it would.
    """
    configs: dict[str, ModelConfig] = {}
    files: dict[str, Files] = {}
    names = {path.name for path in model_repository().iterdir() if path.is_dir()} | set(edited)
    for name in sorted(names):
        model = edited.get(name, _Model(lambda _: None))
        source = model_repository() / ("ocrnet" if name == RECOGNIZER_PLAN else name)
        config = configs[name] = read_config(source / CONFIG)
        config.name = name
        model.edit(config)
        place_processes(config, processes.get(name, 1))
        files[name] = {CONFIG: config_text(config)}
        code = source / "1" / "model.py"
        if model.has_code and code.exists():
            files[name]["1/model.py"] = code.read_bytes()
    check_ensemble(configs[ENSEMBLE], configs)
    return files


def _card(card: DetectorCard | RecognizerCard) -> Files:
    return {"1/card.json": card_json(card)}


def _plan(plan: NetworkPlan) -> Files:
    path = find_or_build_plan(plan.request)
    return {"1/model.plan": path, "1/model.plan.json": sidecar(path)}
