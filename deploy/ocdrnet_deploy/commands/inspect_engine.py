"""`ocdrnet models inspect --engine tensorrt`: what NVIDIA's builder says of a network, on a machine without a GPU."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ocdrnet_deploy.catalog.catalog import catalog, find_by_name
from ocdrnet_deploy.catalog.description import Kind
from ocdrnet_deploy.errors import BuildError, NetworkError
from ocdrnet_deploy.networks.description_file import parse_description
from ocdrnet_deploy.networks.find import is_path, load_graph
from ocdrnet_deploy.networks.propose import propose_description
from ocdrnet_deploy.repository.builder_check import (
    COMPUTE_CAPABILITIES,
    LEAVES_OPEN,
    PROVES,
    BuildCheck,
    EngineRequest,
    check_build,
    engine_request,
    find_builder,
)
from ocdrnet_deploy.tensorrt.command import PlanPrecision
from ocdrnet_deploy.tensorrt.shapes import Shape

DEFAULT_CAPABILITIES = ("8.0", "8.6", "8.9", "12.0")
_MIB = 1 << 20
_NAMED = 4  # nodes of one operator that are refused for one reason


@dataclasses.dataclass(frozen=True)
class EngineQuestion:
    """What is asked of the builder.

    Attributes:
        network: a name in the catalog, or the path of an ONNX file.
        card_file: description of a file; proposed from the graph when left out.
        precision: of the plan.
        capabilities: compute capabilities; `DEFAULT_CAPABILITIES` when empty.
        batch: images or crops a run at most; as `models build` has it when left out.
    """

    network: str
    card_file: Path | None
    precision: PlanPrecision
    capabilities: tuple[str, ...]
    batch: int | None


def read_capability(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """The values of `--compute-capability`; one that TensorRT for RTX does not build for is refused with those it does.

    Raises:
        click.BadParameter: one is not known.
    """
    for value in values:
        if value not in COMPUTE_CAPABILITIES:
            raise click.BadParameter(
                f"{value!r} is not one that TensorRT for RTX builds for: they are {', '.join(COMPUTE_CAPABILITIES)}, "
                "not 9.0 (H100, H200) or 10.0 (B200). The parser is the same for all"
            )
    return tuple(dict.fromkeys(values))


def inspect_engine(question: EngineQuestion, *, as_json: bool) -> None:
    """Print the builder's word on a network for each compute capability.

    Raises:
        SystemExit: with 2 if it is not accepted for one of them.
        BuildError: the builder is not installed or died, or the network is unknown, missing or fits no contract.
    """
    find_builder()
    reports = []
    accepted = True
    for kind in _kinds(question):
        wanted = engine_request(
            kind, question.network, question.precision, card_file=question.card_file, batch=question.batch
        )
        checks = [check_build(wanted, each) for each in question.capabilities or DEFAULT_CAPABILITIES]
        accepted &= all(check.is_accepted for check in checks)
        if as_json:
            reports.append(_as_json(wanted, checks))
        else:
            click.echo("\n".join(_lines(wanted, checks)))
    if as_json:
        click.echo(json.dumps(reports, indent=1))
    if not accepted:
        click.echo(f"Error: {question.network} is not accepted as it stands", err=True)
        raise SystemExit(BuildError.exit_code)


def _kinds(question: EngineQuestion) -> list[Kind]:
    """Of a name, every kind that the catalog has it as; of a file, the one that its card or its graph says."""
    if question.card_file:
        try:
            return [parse_description(json.loads(question.card_file.read_text(encoding="utf-8"))).kind]
        except (OSError, ValueError) as error:
            raise NetworkError(f"{question.card_file} cannot be read as JSON: {error}") from None
    if is_path(question.network):
        return [propose_description(load_graph(Path(question.network))).description.kind]
    kinds = [entry.description.kind for entry in catalog() if entry.name == question.network]
    return kinds or [find_by_name(question.network).description.kind]


def _as_json(wanted: EngineRequest, checks: Sequence[BuildCheck]) -> dict[str, Any]:
    return {
        "network": wanted.network,
        "precision": wanted.precision,
        "shapes": dataclasses.asdict(wanted.shapes),
        "inputs": [dataclasses.asdict(tensor) for tensor in wanted.inputs],
        "outputs": [dataclasses.asdict(tensor) for tensor in wanted.outputs],
        "checks": [{"is_accepted": check.is_accepted, **dataclasses.asdict(check)} for check in checks],
        "proves": PROVES,
        "leaves_open": LEAVES_OPEN,
    }


def _lines(wanted: EngineRequest, checks: Sequence[BuildCheck]) -> Iterator[str]:
    shapes = wanted.shapes
    yield f"{wanted.network}, {wanted.precision}, by {checks[0].builder}"
    yield f"{'profile':<9} {_shape(shapes.least)} to {_shape(shapes.most)}, tuned for {_shape(shapes.tuned)}"
    for tensor in wanted.inputs:
        yield f"{'input':<9} {tensor}"
    for tensor in wanted.outputs:
        yield f"{'output':<9} {tensor}"
    for check in checks:
        yield f"{check.compute_capability:<9} {_verdict(check)}"
        yield from (f"{'':<9} {line}" for line in _reasons(check))
    if checks[0].stand_ins:
        yield (
            f"{'plugin':<9} {len(checks[0].stand_ins)} nodes run by TensorRT's plugin: their fields and shapes are as "
            "published; a convolution of the same shape stood for each"
        )
    yield f"{'proves':<9} where accepted: {PROVES}"
    yield f"{'open':<9} {LEAVES_OPEN}"


def _verdict(check: BuildCheck) -> str:
    if not check.engine_bytes:
        return "refused"
    word = "accepted" if check.is_accepted else "built, but not as config.pbtxt says"
    return (
        f"{word}: an engine of {check.engine_bytes / _MIB:.1f} MiB from {check.layers} layers, in "
        f"{check.seconds:.1f} s and {check.memory / _MIB:.0f} MiB of memory"
    )


def _reasons(check: BuildCheck) -> Iterator[str]:
    yield from check.differences
    yield from check.errors
    grouped: dict[tuple[str, str], list[str]] = {}
    for refusal in check.refusals:
        grouped.setdefault((refusal.operator, refusal.reason), []).append(refusal.name)
    for (operator, reason), names in grouped.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{operator} {', '.join(names[:_NAMED])}{more}: {reason}"


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape))
