"""A plan and what it belongs to: the sidecar `model.plan.json` beside `model.plan`."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocdrnet_deploy.errors import PlanError
from ocdrnet_deploy.files import sha256_of, write_file
from ocdrnet_deploy.tensorrt.machine import Machine, this_machine
from ocdrnet_deploy.tensorrt.shapes import ShapeRange

_REBUILD = "Build it here: ocdrnet models build --engine tensorrt"


@dataclass(frozen=True)
class PlanIngredients:
    """All that a plan depends on; another of any of them is another plan.

    Attributes:
        graph_sha256: of the ONNX file that it is built from.
        precision: `fp32` or `fp16`.
        shapes: its optimization profile.
        flags: that tell `trtexec` the precision.
        tensorrt: the version, such as `10.12.0`.
        compute_capability: of the GPU, such as `8.9`.
    """

    graph_sha256: str
    precision: str
    shapes: ShapeRange
    flags: tuple[str, ...]
    tensorrt: str
    compute_capability: str

    @property
    def key(self) -> str:
        """The name in the cache, 24 hexadecimal digits."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()[:24]


def sidecar(plan: Path) -> Path:
    """The path of a plan's sidecar."""
    return plan.with_name(plan.name + ".json")


def write_sidecar(plan: Path, ingredients: PlanIngredients, network: str, gpu_name: str) -> None:
    """State beside a plan what it belongs to.

    Args:
        plan: the file, complete.
        ingredients: that it was built from.
        network: its name in the catalog, for people.
        gpu_name: that it was tuned on, for people: plans run on every GPU of the compute capability.
    """
    facts = {"network": network, "gpu": gpu_name, **dataclasses.asdict(ingredients), "plan_sha256": sha256_of(plan)}
    write_file(sidecar(plan), json.dumps(facts, indent=1) + "\n")


def check_plan(plan: Path, machine: Machine | None = None) -> None:
    """Refuse a plan that would not run here, before Triton does it with less to say.

    Args:
        plan: a plan with its sidecar beside it; the fields `tensorrt`, `compute_capability` and `plan_sha256` count, so
            that one can be written for a plan that was built by hand.
        machine: the GPU and TensorRT to run on; this machine's when left out.

    Raises:
        PlanError: it belongs to another compute capability or TensorRT version, its sidecar is missing or not one, or
            its bytes are others than the sidecar says.
        NoGpuError: `machine` is left out and this one has no GPU.
        NoTensorRtError: likewise no TensorRT.
    """
    facts = _read_sidecar(plan)
    here = machine or this_machine()
    if facts["compute_capability"] != here.gpu.compute_capability:
        raise PlanError(
            f"{plan} was built for compute capability {facts['compute_capability']} "
            f"({facts.get('gpu', 'no GPU named')}), and this GPU is {here.gpu}. {_REBUILD}"
        )
    if facts["tensorrt"] != str(here.version):
        raise PlanError(
            f"{plan} was built by TensorRT {facts['tensorrt']} and this machine has {here.version}: "
            f"a plan loads in its own version alone. {_REBUILD}"
        )
    if facts["plan_sha256"] != sha256_of(plan):
        raise PlanError(
            f"{plan} is not the file that {sidecar(plan).name} describes: it was changed, or copied in part"
        )


def _read_sidecar(plan: Path) -> dict[str, Any]:
    if not plan.is_file():
        raise PlanError(f"there is no plan at {plan}")
    path = sidecar(plan)
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{plan} has no {path.name} beside it that says which GPU and TensorRT it is for") from None
    except (OSError, ValueError) as error:
        raise PlanError(f"{path} cannot be read: {error}") from None
    missing = {"compute_capability", "tensorrt", "plan_sha256"} - set(facts if isinstance(facts, dict) else ())
    if missing:
        raise PlanError(f"{path} does not state {', '.join(sorted(missing))}")
    return dict(facts) | {"compute_capability": str(facts["compute_capability"])}  # by hand, 8.9 is soon a number
