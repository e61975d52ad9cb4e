"""Assembles a served repository: the ensemble, checked by Triton's rules, the steps and the networks.

What Triton asks of an ensemble before it loads one, asked before anyone waits for a plan.

The rules are those of Triton's core: `BuildEnsembleGraph` and `ValidateEnsembleSchedulingConfig` in
`model_config_utils.cc`, `ValidateEnsembleConfig` in `ensemble_utils.cc`. Triton refuses the whole ensemble for the
first rule broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.files import model_repository
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.repository.configs import (
    ModelConfig,
    config_text,
    drop_crop_widths,
    limit_in_flight,
    limit_tiles,
    name_scripts,
    place_detector,
    place_front_end,
    place_grouping,
    place_processes,
    place_recognizer,
    read_config,
)
from ocdrnet_deploy.repository.profile import FRONT_END_STEPS, PythonProfile, TensorRtProfile
from ocdrnet_deploy.repository.replace import (
    CONFIG,
    ENSEMBLES,
    RECOGNIZER_PLAN,
    TILING_STEPS,
    Content,
    replace_repository,
)
from ocdrnet_deploy.repository.trial_file import TRIAL_FILE
from ocdrnet_deploy.tensorrt.cache import find_or_build_plan
from ocdrnet_deploy.tensorrt.network_plan import NetworkPlan
from ocdrnet_deploy.tensorrt.plan import sidecar
from ocdrnet_deploy.tensorrt.shapes import ShapeRange
from ocdrnet_ops.cards import CardError, DetectorCard, RecognizerCard, card_json
from ocdrnet_ops.recognition.several import join_cards

Step: TypeAlias = "model_config_pb2.ModelEnsembling.Step"


@dataclass(frozen=True)
class _End:
    """One end of a tensor of the ensemble: what the model there says of it.

    Attributes:
        model: its name, the ensemble's own for its inputs and outputs.
        data_type: as the protobuf numbers it.
        dims: without the batch.
        batches: whether the model batches, so that the whole shape has a dimension more.
    """

    model: str
    data_type: int
    dims: tuple[int, ...]
    batches: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Dims with the batch."""
        return (-1, *self.dims) if self.batches else self.dims

    def __str__(self) -> str:
        kind = model_config_pb2.DataType.Name(self.data_type)
        return f"{kind} {list(self.shape)} of {self.model}"


def check_ensemble(ensemble: ModelConfig, models: Mapping[str, ModelConfig]) -> None:
    """Refuse an ensemble that Triton would refuse.

    Args:
        ensemble: its config.
        models: configs of the repository by name.

    Raises:
        BuildError: a step's model or tensor does not exist, a tensor is made twice, not at all or for nobody, or what
            one step makes has another data type or other dims than the next one takes; the text names it.
    """
    for reason in _reasons(ensemble, models):
        raise BuildError(f"the ensemble {ensemble.name} would not load: {reason}")


def _reasons(ensemble: ModelConfig, models: Mapping[str, ModelConfig]) -> Iterator[str]:
    steps = ensemble.ensemble_scheduling.step
    if not steps:
        yield "it has no steps"
    for step in steps:
        if step.model_name not in models:
            yield f"a step asks {step.model_name!r}, which is no model of the repository"
        else:
            yield from _mapped_wrongly(step, models[step.model_name])
    yield from _made_or_read_wrongly(ensemble)
    yield from _ends_that_differ(ensemble, models)


def _mapped_wrongly(step: Step, model: ModelConfig) -> Iterator[str]:
    """Inputs of the model that nothing is mapped to, and mappings to tensors that it has not."""
    for what, has, mapped in (("input", model.input, step.input_map), ("output", model.output, step.output_map)):
        names = [tensor.name for tensor in has]
        for name in sorted(set(mapped) - set(names)):
            yield f"{mapped[name]} is mapped to {what} {name} of {model.name}, which has {' and '.join(names)}"
    for tensor in model.input:
        if tensor.name not in step.input_map and not tensor.optional:
            yield f"nothing is mapped to input {tensor.name} of {model.name}"
    if not step.output_map:
        yield f"no output of {model.name} is mapped"


def _made_or_read_wrongly(ensemble: ModelConfig) -> Iterator[str]:
    """Tensors that are made twice, made for nobody, or read and made by nobody, or in a circle."""
    steps: Sequence[Step] = ensemble.ensemble_scheduling.step
    inputs, outputs = ({tensor.name for tensor in tensors} for tensors in (ensemble.input, ensemble.output))
    made = set(inputs)
    for step in steps:
        for name in step.output_map.values():
            if name in made:
                yield f"{name} is made twice, the second time by {step.model_name}"
            made.add(name)
    read = {name for step in steps for name in step.input_map.values()}
    for name in sorted(made - read - outputs):
        maker = next((step.model_name for step in steps if name in step.output_map.values()), "the caller")
        yield f"{name}, made by {maker}, is unused: no step reads it, and it is no output"
    for name in sorted((read | outputs) - made):
        reader = next((step.model_name for step in steps if name in step.input_map.values()), "the caller")
        yield f"{name}, which {reader} reads, is made by no step"
    ready, waiting = set(inputs), list(steps)
    while able := [step for step in waiting if ready.issuperset(step.input_map.values())]:
        ready.update(name for step in able for name in step.output_map.values())
        waiting = [step for step in waiting if step not in able]
    for step in waiting:
        yield f"{step.model_name} waits for {', '.join(sorted(set(step.input_map.values()) - ready))} in a circle"


def _ends_that_differ(ensemble: ModelConfig, models: Mapping[str, ModelConfig]) -> Iterator[str]:
    """Tensors whose two ends do not agree: each is held against the first that Triton meets, as it does."""
    known: dict[str, _End] = {}
    for name, end in _ends(ensemble, models):
        first = known.setdefault(name, end)
        if first.data_type != end.data_type or not _fits(first, end):
            yield f"{name} is {first}, and {end}"


def _ends(ensemble: ModelConfig, models: Mapping[str, ModelConfig]) -> Iterator[tuple[str, _End]]:
    for tensor in (*ensemble.input, *ensemble.output):
        yield tensor.name, _End(ensemble.name, tensor.data_type, tuple(tensor.dims), ensemble.max_batch_size > 0)
    for step in ensemble.ensemble_scheduling.step:
        model = models[step.model_name]
        for tensors, mapped in ((model.input, step.input_map), (model.output, step.output_map)):
            for tensor in tensors:
                if tensor.name in mapped:
                    dims, batches = tuple(tensor.dims), model.max_batch_size > 0
                    yield mapped[tensor.name], _End(model.name, tensor.data_type, dims, batches)


def _fits(one: _End, other: _End) -> bool:
    """Whether the dims agree, or the whole shapes do: a batch may become a dimension, and a dimension a batch."""
    return _agree(one.dims, other.dims) or _agree(one.shape, other.shape)


def _agree(one: Sequence[int], other: Sequence[int]) -> bool:
    return len(one) == len(other) and all(a == b or -1 in (a, b) for a, b in zip(one, other, strict=True))


def place_plan(config: ModelConfig, plan: NetworkPlan, profile: TensorRtProfile) -> None:
    """Turn the config of a network in the Python backend into that of a plan.

    A plan's fixed dims must stand in it exactly, and -1 where its profile has a range; all else is a matter of speed.

    Args:
        config: of `ocdnet` or `ocrnet`; its inputs but `input`, and its parameters, go.
        plan: of the network.
        profile: of the deployment.
    """
    config.ClearField("backend")
    config.ClearField("parameters")
    config.platform = "tensorrt_plan"
    config.max_batch_size = plan.shapes.max_batch
    del config.input[1:]
    config.input[0].allow_ragged_batch = False  # a plan's batch is one tensor: Triton merges only equal shapes then
    config.input[0].dims[:] = plan.shapes.dims
    for output, dims in zip(config.output, plan.output_dims, strict=True):
        output.dims[:] = dims
    _batch(config, plan.shapes, profile.queue_delay_us)
    config.instance_group.add(kind=model_config_pb2.ModelInstanceGroup.KIND_GPU, count=profile.instances)
    config.optimization.input_pinned_memory.enable = True
    config.optimization.output_pinned_memory.enable = True
    _warm_up(config, plan.shapes)
    if plan.is_capturable and plan.shapes.is_fixed:
        _capture(config, plan.shapes)


def _batch(config: ModelConfig, shapes: ShapeRange, delay_us: int) -> None:
    """Prefer the batch that the plan is tuned for; a plan of batch 1 has nothing to wait for."""
    config.ClearField("dynamic_batching")
    config.dynamic_batching.SetInParent()
    if shapes.max_batch > 1:
        config.dynamic_batching.preferred_batch_size.append(shapes.tuned_batch)
        config.dynamic_batching.max_queue_delay_microseconds = delay_us


def _warm_up(config: ModelConfig, shapes: ShapeRange) -> None:
    """Run before the model counts as ready: kernels load lazily, and the first caller would wait for them."""
    for batch in _batches(shapes):
        warmup = config.model_warmup.add(name=f"batch-{batch}", batch_size=batch)
        tensor = warmup.inputs["input"]
        tensor.data_type = model_config_pb2.TYPE_UINT8
        tensor.dims[:] = shapes.tuned[1:]
        tensor.random_data = True


def _capture(config: ModelConfig, shapes: ShapeRange) -> None:
    """CUDA graphs of the usual batches: hundreds of small kernels are then launched as one."""
    config.optimization.cuda.graphs = True
    for batch in _batches(shapes):
        spec = config.optimization.cuda.graph_spec.add(batch_size=batch)
        spec.input["input"].dim[:] = shapes.tuned[1:]


def _batches(shapes: ShapeRange) -> Sequence[int]:
    return sorted({1, shapes.tuned_batch})


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
    others: Sequence[PreparedRecognizer] = (),
) -> None:
    """Write a repository that Triton can load, with both networks in its Python backend.

    Args:
        output: folder of the served repository; what an earlier build made there is replaced as one.
        detector: adapted network and its card.
        recognizer: adapted network and its card.
        profile: threads, processes and batches.
        max_in_flight: as of `limit_in_flight`.
        trials: of the detector and the recognizer, as of `trial_file`.
        others: recognizers that read what the first one doubts.

    Raises:
        BuildError: the recognizers cannot read the same crops, the recognizer's batch is below the detector's candidate
            cap, Triton would not load the ensemble, or the folder cannot be written; what was there is there still.
    """
    check_batch(detector.card, profile.recognizer_batch)
    read_by = _joined([recognizer, *others])
    max_tiles = max(profile.max_tiles, profile.detector_batch)

    def edit_ensemble(config: ModelConfig) -> None:
        limit_in_flight(config, max_in_flight)
        name_scripts(config, read_by)

    models = {
        **dict.fromkeys(TILING_STEPS, _Model(lambda config: limit_tiles(config, max_tiles))),
        "ocdnet": _Model(lambda config: place_detector(config, detector, profile)),
        "ocrnet": _Model(lambda config: place_recognizer(config, recognizer, profile, others)),
        **dict.fromkeys(ENSEMBLES, _Model(edit_ensemble)),
    }
    files = _templates(models, profile)
    files["ocdnet"] |= _card(detector.card) | {"1/model.onnx": detector.model.SerializeToString()}
    files["ocrnet"] |= _card(read_by)
    for number, network in enumerate((recognizer, *others), 1):
        mark = "" if number == 1 else f"_{number}"
        files["ocrnet"][f"1/model{mark}.onnx"] = network.model.SerializeToString()
        if network.charset_model:
            files["ocrnet"][f"1/charset{mark}.onnx"] = network.charset_model.SerializeToString()
    if trials:
        files["ocdnet"][f"1/{TRIAL_FILE}"], files["ocrnet"][f"1/{TRIAL_FILE}"] = trials
    replace_repository(output, files)


def _joined(recognizers: Sequence[PreparedRecognizer]) -> RecognizerCard:
    """The card of several recognizers; refused where they cannot share one."""
    try:
        return join_cards([network.card for network in recognizers])
    except CardError as error:
        raise BuildError(str(error)) from None


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
        name_scripts(config, recognizer[0])

    models = {
        **dict.fromkeys(TILING_STEPS, _Model(lambda config: limit_tiles(config, max_tiles))),
        "ocdnet": _Model(lambda config: place_plan(config, detector[1], profile), has_code=False),
        plan_model: _Model(lambda config: place_plan(config, recognizer[1], profile), has_code=False),
        **dict.fromkeys(ENSEMBLES, _Model(edit_ensemble)),
    }
    if in_groups:
        models["ocrnet"] = _Model(lambda config: place_grouping(config, recognizer[0], plan_model, profile))
    files = _templates(models, profile)
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


def _templates(edited: Mapping[str, _Model], profile: PythonProfile | TensorRtProfile) -> dict[str, Files]:
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
        place_processes(config, profile.step_processes.get(name, 1))
        if profile.front_end_on_gpu is not None and name in FRONT_END_STEPS:
            place_front_end(config, profile.front_end_on_gpu)
        files[name] = {CONFIG: config_text(config)}
        code = source / "1" / "model.py"
        if model.has_code and code.exists():
            files[name]["1/model.py"] = code.read_bytes()
    for name in ENSEMBLES:
        check_ensemble(configs[name], configs)
    return files


def _card(card: DetectorCard | RecognizerCard) -> Files:
    return {"1/card.json": card_json(card)}


def _plan(plan: NetworkPlan) -> Files:
    path = find_or_build_plan(plan.request)
    return {"1/model.plan": path, "1/model.plan.json": sidecar(path)}
