"""What Triton asks of an ensemble before it loads one, asked before anyone waits for a plan.

The rules are those of Triton's core: `BuildEnsembleGraph` and `ValidateEnsembleSchedulingConfig` in
`model_config_utils.cc`, `ValidateEnsembleConfig` in `ensemble_utils.cc`. Triton refuses the whole ensemble for the
first rule broken. One rule is stricter here: an input of a step that is optional must be mapped too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.errors import BuildError

ModelConfig: TypeAlias = "model_config_pb2.ModelConfig"
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
        if tensor.name not in step.input_map:
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
