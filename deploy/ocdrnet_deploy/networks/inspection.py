"""What `models inspect` says of a file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from ocdrnet_deploy.catalog.description import NetworkDescription
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.signature import STANDARD_DOMAINS, TensorSignature, custom_operators, image_inputs, outputs
from ocdrnet_deploy.networks.description_file import description_json
from ocdrnet_deploy.networks.find import load_graph
from ocdrnet_deploy.networks.propose import propose_description


@dataclass(frozen=True)
class Inspection:
    """A network looked at.

    Attributes:
        file: its name.
        opset: version of the standard operators.
        inputs: that a caller feeds.
        outputs: that it declares.
        custom_operators: that standard ONNX does not have.
        proposal: a description to serve it with; none where it fits no contract.
        notes: what the proposal assumes.
        refusal: why there is none; empty where there is one.
    """

    file: str
    opset: int
    inputs: list[TensorSignature]
    outputs: list[TensorSignature]
    custom_operators: list[str]
    proposal: NetworkDescription | None
    notes: list[str]
    refusal: str

    def as_json(self) -> dict[str, Any]:
        """As JSON objects; `proposal` is what a card of `models build` holds."""
        proposal = description_json(self.proposal) if self.proposal else None
        return dataclasses.asdict(self) | {"proposal": proposal}


def inspect_network(path: Path) -> Inspection:
    """Look at an ONNX file.

    Raises:
        NetworkError: it cannot be read, or is no ONNX.
    """
    model = load_graph(path)
    proposal, notes, refusal = _proposal(model)
    opset = next((o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS), 1)
    return Inspection(
        path.name,
        opset,
        image_inputs(model),
        outputs(model),
        custom_operators(model),
        proposal,
        notes,
        refusal,
    )


def _proposal(model: onnx.ModelProto) -> tuple[NetworkDescription | None, list[str], str]:
    try:
        found = propose_description(model)
    except NetworkError as error:
        return None, [], str(error)
    return found.description, found.notes, ""
