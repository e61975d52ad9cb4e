"""Whether NVIDIA's builder takes a network, asked on a machine without a GPU: TensorRT for RTX, from PyPI.

The graph and the optimization profile are those of `models build --engine tensorrt`; the engine's inputs and outputs
are compared with what the repository's config.pbtxt will say.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx
from tritonclient.grpc import model_config_pb2

from ocdrnet_deploy.catalog.description import Kind
from ocdrnet_deploy.errors import BuildError, TensorRtError
from ocdrnet_deploy.files import model_repository
from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_deploy.repository.configs import read_config
from ocdrnet_deploy.repository.profile import TensorRtProfile
from ocdrnet_deploy.tensorrt.command import PlanPrecision, graph_for
from ocdrnet_deploy.tensorrt.deform_plugin import NodeRefusal, plugin_nodes, plugin_refusals, with_stand_ins
from ocdrnet_deploy.tensorrt.network_plan import detector_plan, recognizer_plan
from ocdrnet_deploy.tensorrt.rtx_builder import Built, TensorFacts
from ocdrnet_deploy.tensorrt.run import BuildProgress
from ocdrnet_deploy.tensorrt.shapes import ShapeRange
from ocdrnet_deploy.tensorrt.version import TensorRtVersion
from ocdrnet_ops.cards import DetectorCard

# For which TensorRT for RTX 1.7 builds ahead of time: Turing, Ampere, Ada and Blackwell, not the data centres' Hopper.
COMPUTE_CAPABILITIES = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
LIMIT_S = 3600.0  # for one build; the largest network, OCRNet v2, took a quarter of that on two overloaded cores
PROVES = (
    "the parser takes every operator and type, all shapes agree for the profile's least, tuned and most input, and the "
    "builder compiles it for this compute capability"
)
LEAVES_OPEN = (
    "speed, accuracy and memory on a GPU, TensorRT's plugins, other versions of TensorRT, and the engine's kernels: "
    "nothing was run"
)
_PACKAGE = "tensorrt_rtx_bindings"
_STRONGLY_TYPED = TensorRtVersion(11, 0, 0)  # as TensorRT for RTX: the graph says all types
_LAST_LINES = 6  # of a builder that died
# Echoes of the missing driver: the library asks for a GPU when it has failed already.
_ECHO = ("catchCudaError", "ModelImporter.cpp")
_TRITON_TYPES = {"FLOAT": "FP32", "HALF": "FP16", "BF16": "BF16", "UINT8": "UINT8", "INT32": "INT32", "INT64": "INT64"}


@dataclass(frozen=True)
class Tensor:
    """An input or output.

    Attributes:
        name: of it.
        dtype: as Triton calls it, `UINT8`.
        dims: with the batch; -1 where a dimension is free.
    """

    name: str
    dtype: str
    dims: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} [{', '.join(map(str, self.dims))}]"


@dataclass(frozen=True)
class EngineRequest:
    """An engine as `models build --engine tensorrt` would have it built.

    Attributes:
        network: its kind and name, for people.
        model: the graph to build from, with its precision in it.
        precision: of the graph.
        shapes: the optimization profile.
        inputs: as config.pbtxt will have them.
        outputs: likewise.
    """

    network: str
    model: onnx.ModelProto
    precision: PlanPrecision
    shapes: ShapeRange
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class BuildCheck:
    """What the builder said for one compute capability.

    Attributes:
        compute_capability: such as `8.6`.
        builder: its name and version.
        refusals: nodes that are not taken.
        errors: of the builder, where no node is to blame.
        differences: of the engine's inputs and outputs from config.pbtxt.
        stand_ins: nodes of the plugin that an ordinary convolution stood for.
        inputs: of the engine.
        outputs: of the engine.
        layers: of the parsed network.
        engine_bytes: size of the engine; 0 where there is none.
        seconds: that parsing and building took.
        memory: bytes that they took at most.
    """

    compute_capability: str
    builder: str
    refusals: tuple[NodeRefusal, ...] = ()
    errors: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    layers: int = 0
    engine_bytes: int = 0
    seconds: float = 0.0
    memory: int = 0

    @property
    def is_accepted(self) -> bool:
        """Whether an engine was built that fits its config."""
        return bool(self.engine_bytes) and not (self.refusals or self.errors or self.differences)


def find_builder() -> None:
    """Refuse early where TensorRT for RTX is not installed.

    Raises:
        BuildError: it is not.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise BuildError(
            "TensorRT for RTX, which checks a network without a GPU, is not installed: "
            "pip install 'ocdrnet[tensorrt-check]' (Linux on x86-64, Python 3.10 to 3.14)"
        )


def engine_request(
    kind: Kind,
    name_or_path: str,
    precision: PlanPrecision = "fp16",
    *,
    card_file: Path | None = None,
    batch: int | None = None,
) -> EngineRequest:
    """The engine that `models build --engine tensorrt` would ask for.

    Args:
        kind: of the network.
        name_or_path: a name in the catalog, or the path of an ONNX file.
        precision: of the plan.
        card_file: description of a file; proposed from the graph when left out.
        batch: images or crops that a run takes at most; as `models build` has it when left out.

    Raises:
        BuildError: the network is unknown, its weights are missing, or it does not fit.
    """
    if kind == "detector":
        detector = prepare_detector(name_or_path, card_file=card_file, engine="tensorrt")
        plan = detector_plan(detector, batch or TensorRtProfile.detector_batch, precision)
    else:
        recognizer = prepare_recognizer(name_or_path, card_file=card_file, engine="tensorrt")
        plan = recognizer_plan(recognizer, batch or DetectorCard.max_candidates, precision)
    config = read_config(model_repository() / ("ocdnet" if kind == "detector" else "ocrnet") / "config.pbtxt")
    return EngineRequest(
        plan.request.network,
        graph_for(plan.request.model, precision, _STRONGLY_TYPED),
        precision,
        plan.shapes,
        (_configured(config.input[0], plan.shapes.dims),),
        tuple(_configured(output, dims) for output, dims in zip(config.output, plan.output_dims, strict=True)),
    )


def check_build(wanted: EngineRequest, compute_capability: str) -> BuildCheck:
    """Parse and build in a process of its own; it takes seconds to a minute, and shows that it goes on.

    Args:
        wanted: of `engine_request`.
        compute_capability: of `COMPUTE_CAPABILITIES`.

    Raises:
        TensorRtError: the builder died, or took longer than an hour.
    """
    if refusals := plugin_refusals(wanted.model):
        return BuildCheck(compute_capability, "TensorRT's plugin, as published", refusals=tuple(refusals))
    stand_ins = tuple(plugin_nodes(wanted.model))
    model = with_stand_ins(wanted.model) if stand_ins else wanted.model
    title = f"{wanted.network}, {wanted.precision}, compute capability {compute_capability}"
    progress = BuildProgress(title, done="checked")
    progress.see("starting TensorRT for RTX")
    with progress:
        built = _run(model, wanted.shapes, compute_capability, progress.see)
    inputs, outputs = _tensors(built.inputs), _tensors(built.outputs)
    found = BuildCheck(
        compute_capability,
        f"TensorRT for RTX {built.version}",
        stand_ins=stand_ins,
        inputs=inputs,
        outputs=outputs,
        layers=built.layers,
        engine_bytes=built.engine_bytes,
        seconds=built.parse_s + built.build_s,
        memory=built.memory,
    )
    if not built.engine_bytes:
        nodes = [NodeRefusal(node["name"], node["operator"], _told(node["reason"])) for node in built.nodes]
        return replace(found, refusals=tuple(nodes), errors=() if nodes else tuple(_errors(built.errors)))
    differences = [*_differences(wanted, inputs, outputs), *_corner_differences(wanted, built)]
    return replace(found, differences=tuple(differences))


def _configured(tensor: Any, dims: Sequence[int]) -> Tensor:  # noqa: ANN401 - a message of Triton's configs
    dtype = model_config_pb2.DataType.Name(tensor.data_type).removeprefix("TYPE_")
    return Tensor(tensor.name, dtype, (-1, *dims))


def _tensors(found: Sequence[TensorFacts]) -> tuple[Tensor, ...]:
    return tuple(Tensor(tensor["name"], _triton_type(tensor), tuple(tensor["dims"])) for tensor in found)


def _triton_type(tensor: TensorFacts) -> str:
    return _TRITON_TYPES.get(tensor["dtype"], tensor["dtype"])


def _differences(wanted: EngineRequest, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[str]:
    """Inputs and outputs that Triton would refuse beside their config; their order does not matter."""
    return [
        f"{what} {name} is {found.get(name, 'missing')}; config.pbtxt says {said.get(name, 'nothing of it')}"
        for what, found, said in (
            ("input", _by_name(inputs), _by_name(wanted.inputs)),
            ("output", _by_name(outputs), _by_name(wanted.outputs)),
        )
        for name in sorted(found.keys() | said.keys())
        if not _fits(found.get(name), said.get(name))
    ]


def _fits(found: Tensor | None, said: Tensor | None) -> bool:
    """As Triton's backend compares: types, ranks, and sizes where both are known (`CompareDimsSupported`).

    https://github.com/triton-inference-server/tensorrt_backend/blob/main/src/tensorrt_utils.cc
    """
    if found is None or said is None or found.dtype != said.dtype or len(found.dims) != len(said.dims):
        return False
    return all(a == b or -1 in (a, b) for a, b in zip(found.dims, said.dims, strict=True))


def _corner_differences(wanted: EngineRequest, built: Built) -> list[str]:
    """Outputs that are not as config.pbtxt says for the profile's least, tuned and most input.

    The first dimension must be the input's batch: Triton cuts it into the answers of the requests.
    """
    said = _by_name(wanted.outputs)
    shapes = (wanted.shapes.least, wanted.shapes.tuned, wanted.shapes.most)
    differences = []
    for shape, corner in zip(shapes, built.corners, strict=True):
        for output, dims in zip(built.outputs, corner, strict=True):
            name = output["name"]
            expected = replace(said[name], dims=(shape[0], *said[name].dims[1:])) if name in said else None
            found = Tensor(name, _triton_type(output), tuple(dims))
            if expected and not _fits(found, expected):
                differences.append(f"output {found} for an input of {list(shape)}; Triton expects {expected}")
    return differences


def _by_name(tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    return {tensor.name: tensor for tensor in tensors}


def _errors(logged: Sequence[str]) -> list[str]:
    """The library's own words, without what only follows from a failure."""
    return (
        [error for error in logged if not any(echo in error for echo in _ECHO)] or list(logged) or ["it says nothing"]
    )


def _told(reason: str) -> str:
    """A parser's reason in one line: its first words repeat the node, its last the missing driver."""
    lines = [line for line in reason.splitlines() if not line.startswith("Invalid Node") and _ECHO[0] not in line]
    return " ".join(lines) or reason


def _run(model: onnx.ModelProto, shapes: ShapeRange, compute_capability: str, on_line: Callable[[str], None]) -> Built:
    with tempfile.TemporaryDirectory(prefix="ocdrnet-check-") as folder:
        graph, request, answer = (Path(folder, name) for name in ("model.onnx", "request.json", "answer.json"))
        graph.write_bytes(model.SerializeToString())
        wanted = [shapes.least, shapes.tuned, shapes.most]
        asked = {"graph": str(graph), "answer": str(answer), "shapes": wanted, "compute_capability": compute_capability}
        request.write_text(json.dumps(asked), encoding="utf-8")
        command = [sys.executable, "-m", "ocdrnet_deploy.tensorrt.rtx_builder", str(request)]
        lines, exit_code = _collect(command, on_line)
        if exit_code == 0 and answer.exists():
            return Built(**json.loads(answer.read_text(encoding="utf-8")))
    last = "\n".join(f"  {line}" for line in lines[-_LAST_LINES:]) or "  it printed nothing"
    raise TensorRtError(
        f"TensorRT for RTX ended without an answer for compute capability {compute_capability} "
        f"({_ending(exit_code)}):\n{last}"
    )


def _ending(exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return f"killed: this check does so after {LIMIT_S:.0f} s, the kernel when main memory is used up"
    return f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"


def _collect(command: Sequence[str], on_line: Callable[[str], None]) -> tuple[list[str], int]:
    """Run to the end; an interrupt or the time limit ends the builder too."""
    lines: list[str] = []
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    limit = threading.Timer(LIMIT_S, process.kill)
    limit.daemon = True
    limit.start()
    with process:
        try:
            for line in process.stdout or ():
                if line.strip():
                    lines.append(line.rstrip())
                    on_line(lines[-1])
        except BaseException:
            process.kill()
            raise
        finally:
            limit.cancel()
    return lines, process.returncode
