"""config.pbtxt: templates from `model_repository/`, edited as protobuf messages, never as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.repository.profile import PythonProfile, TensorRtProfile
from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.scripts import scripts_of

ModelConfig: TypeAlias = "model_config_pb2.ModelConfig"
GRAPHS_MEMORY = 2 << 30  # bytes, of all graphs that the shapes of a recognizer's batches have of their own
GRAPH_PER_WEIGHTS = 2.5  # bytes of a graph for each of the network's file: 50 MB for 21 with the default recognizer


def read_config(path: Path) -> ModelConfig:
    """Parse a config.pbtxt."""
    return text_format.Parse(path.read_text(encoding="utf-8"), model_config_pb2.ModelConfig())


def config_text(config: ModelConfig) -> str:
    """The config as protobuf text."""
    return str(text_format.MessageToString(config))


def place_detector(config: ModelConfig, detector: PreparedDetector, profile: PythonProfile) -> None:
    """Fill in the runtime, processes, threads and batch of a detector in the Python backend.

    There an image is a run of its own, whatever the network takes at once. The batch is thus as large as an image may
    have tiles; what is preferred keeps a queue of small images from being answered as late as its last.
    """
    config.max_batch_size = max(profile.max_tiles, profile.detector_batch)
    config.dynamic_batching.preferred_batch_size[:] = [profile.detector_batch]
    place_processes(config, profile.detector_processes)
    _set(config, threads=profile.detector_threads, streams=profile.detector_streams, graphs=profile.detector_graphs)
    _set_runtime(config, detector, profile.provider)


def place_recognizer(
    config: ModelConfig,
    recognizer: PreparedRecognizer,
    profile: PythonProfile,
    others: Sequence[PreparedRecognizer] = (),
) -> None:
    """Fill in the crop height, runtime, streams and batch of a recognizer in the Python backend.

    Others that read what it doubts have its threads, and no graphs for single shapes: they are asked less often.
    """
    config.max_batch_size = profile.recognizer_batch
    config.input[0].dims[:2] = [recognizer.card.height, recognizer.card.width or -1]
    graphs = min(profile.recognizer_graphs, GRAPHS_MEMORY // int(GRAPH_PER_WEIGHTS * recognizer.model.ByteSize() + 1))
    _set(config, threads=profile.recognizer_threads, streams=profile.recognizer_streams, graphs=graphs)
    _set(config, max_columns=profile.recognizer_columns)
    _set_runtime(config, recognizer, profile.provider)
    for number, other in enumerate(others, 2):
        _set_runtime(config, other, profile.provider, f"_{number}")


def place_grouping(config: ModelConfig, card: RecognizerCard, plan: str, profile: TensorRtProfile) -> None:
    """Let the recognizer's step group crops of a free width, and ask a plan, by its model's name, for each group."""
    config.max_batch_size = profile.recognizer_batch
    config.input[0].dims[:2] = [card.height, -1]
    place_processes(config, profile.recognizer_processes)
    _set(config, runtime="plan", plan=plan)
    _set(config, streams=profile.recognizer_streams, max_columns=profile.recognizer_columns)


def place_processes(config: ModelConfig, count: int) -> None:
    """Give a model in the Python backend so many processes; without a word it has one."""
    if count > 1:
        config.instance_group.add(kind=model_config_pb2.ModelInstanceGroup.KIND_CPU, count=count)


def place_front_end(config: ModelConfig, on_gpu: bool) -> None:
    """Let a step decode, scale and crop as `ocdrnet_triton.front_end` does on a GPU.

    Args:
        config: of `image_preprocess` or `text_crop`.
        on_gpu: whether there is one; each that Triton sees then has as many processes. Else it works on CPU tensors.
    """
    _set(config, front_end="gpu")
    if config.name == "text_crop":  # the image stays on the GPU; a file is read, and pixels are checked, by the CPU
        _set(config, FORCE_CPU_ONLY_INPUT_TENSORS="no")
    if on_gpu:
        count = config.instance_group[0].count if config.instance_group else 1
        del config.instance_group[:]
        config.instance_group.add(kind=model_config_pb2.ModelInstanceGroup.KIND_GPU, count=count)


def limit_tiles(step: ModelConfig, max_tiles: int) -> None:
    """Tell a step that cuts tiles how many of them the detector takes at once: Triton splits no request."""
    _set(step, max_tiles=max_tiles)


def drop_crop_widths(ensemble: ModelConfig) -> None:
    """Feed the recognizer the crops alone: a TensorRT plan has the one input.

    What nobody reads then is asked of no step either: Triton refuses an ensemble with a tensor that is unused.
    """
    steps = ensemble.ensemble_scheduling.step
    dropped = [step.input_map.pop("CROP_WIDTHS") for step in steps if step.model_name == "ocrnet"]
    read = {name for step in steps for name in step.input_map.values()} | {output.name for output in ensemble.output}
    for step in steps:
        for output, name in list(step.output_map.items()):
            if name in dropped and name not in read:
                del step.output_map[output]


def name_scripts(ensemble: ModelConfig, card: RecognizerCard) -> None:
    """Say in the ensemble's config, which Triton shows to whoever asks, which scripts are read."""
    _set(ensemble, scripts=", ".join(scripts_of(card.characters)))


def limit_in_flight(ensemble: ModelConfig, most: int) -> None:
    """Let at most so many requests be in a step at once, waiting or at work; 0 sets no limit.

    A fast step would otherwise pile up images before a slow one. The limit is a last resort, above what callers send:
    Triton lets whoever is over it wait with the thread that brought the request, for up to 300 s
    (`StepInflightRequestLimiter::Acquire` in core's `ensemble_scheduler.cc`), and such a thread may be one that the
    step ahead needs: `dbnet_postprocess` asks the detector, and the recognizer is two steps of the ensemble.
    """
    if most:
        ensemble.ensemble_scheduling.max_inflight_requests = most


def _set(config: ModelConfig, **values: object) -> None:
    for name, value in values.items():
        config.parameters[name].string_value = str(value)


def _set_runtime(
    config: ModelConfig, network: PreparedDetector | PreparedRecognizer, provider: str, mark: str = ""
) -> None:
    """OpenVINO, in the precision of its choice, is what the models take when nothing is said.

    Args:
        config: of the network's model.
        network: that it runs.
        provider: of ONNX Runtime.
        mark: behind the names of the parameters, where the model runs several networks.
    """
    chosen: dict[str, object] = {}
    if network.precision:
        chosen["precision"] = network.precision
    if network.warm_ups != PreparedDetector.warm_ups:
        chosen["warm_ups"] = network.warm_ups
    if network.runtime == "onnxruntime":
        chosen["runtime"] = network.runtime
        if provider:
            chosen["providers"] = provider
    _set(config, **{f"{name}{mark}": value for name, value in chosen.items()})
