"""What a graph declares: its image input, its outputs, and the operators that standard ONNX does not have."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from ocdrnet_deploy.errors import NetworkError

STANDARD_DOMAINS = ("", "ai.onnx")
OLDEST_OPSET = 11  # the first whose Round and floating-point Equal can stand before and behind a network
_HANDING_ON = ("Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Clip")


@dataclass(frozen=True)
class TensorSignature:
    """One declared input or output.

    Attributes:
        name: in the graph.
        dtype: as ONNX names it, `FLOAT` or `INT64`.
        dims: an integer where a dimension is fixed, a name or `?` where it is free.
    """

    name: str
    dtype: str
    dims: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} [{', '.join(map(str, self.dims))}]"

    def fixed(self, axis: int) -> int:
        """Size along an axis; 0 where it is free or the tensor has no such axis."""
        size = self.dims[axis] if -len(self.dims) <= axis < len(self.dims) else 0
        return size if isinstance(size, int) else 0


def image_inputs(model: onnx.ModelProto) -> list[TensorSignature]:
    """Inputs that a caller feeds; old exports list the weights among the inputs too."""
    weights = {initializer.name for initializer in model.graph.initializer}
    return [_signature(value) for value in model.graph.input if value.name not in weights]


def image_input(model: onnx.ModelProto) -> TensorSignature:
    """The one image input.

    Raises:
        NetworkError: there is another number of inputs, or it is not float32 of four dimensions.
    """
    inputs = image_inputs(model)
    if len(inputs) != 1:
        names = ", ".join(found.name for found in inputs)
        raise NetworkError(f"the network has {len(inputs)} inputs ({names}); it must have one, the image")
    (found,) = inputs
    if found.dtype != "FLOAT":
        raise NetworkError(f"the network's input {found.name!r} is not of 32-bit floats but {found.dtype}")
    if found.dims and len(found.dims) != 4:
        raise NetworkError(f"the network's input {found} has {len(found.dims)} dimensions; it must be [N, C, H, W]")
    return found


def outputs(model: onnx.ModelProto) -> list[TensorSignature]:
    """The declared outputs."""
    return [_signature(value) for value in model.graph.output]


def maker(model: onnx.ModelProto, tensor: str) -> onnx.NodeProto | None:
    """The node that computes a tensor, behind those that only hand it on; none for an input or a weight."""
    node = next((node for node in model.graph.node if tensor in node.output), None)
    return maker(model, node.input[0]) if node is not None and node.op_type in _HANDING_ON else node


def custom_operators(model: onnx.ModelProto) -> list[str]:
    """Operators that standard ONNX does not define, sorted."""
    return sorted({node.op_type for node in model.graph.node if not _is_standard(node)})


def _is_standard(node: onnx.NodeProto) -> bool:
    return node.domain in STANDARD_DOMAINS and bool(onnx.defs.has(node.op_type))


def _signature(value: onnx.ValueInfoProto) -> TensorSignature:
    tensor = value.type.tensor_type
    dims = tuple(dim.dim_value if dim.dim_value > 0 else dim.dim_param or "?" for dim in tensor.shape.dim)
    return TensorSignature(value.name, onnx.TensorProto.DataType.Name(tensor.elem_type), dims)
