"""KServe v2's messages for the `ocdrnet` model, made once for each picture and used for every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tritonclient.grpc import service_pb2

from ocdrnet_client.protocol import INPUT
from ocdrnet_loadtest.pictures import Picture
from ocdrnet_ops.option_kinds import OptionValue

_FIELDS = {int: "int64_param", float: "double_param", str: "string_param"}
_COUNTED = "BOXES"


def infer_request(picture: Picture, model: str, options: Mapping[str, OptionValue]) -> Any:  # noqa: ANN401 (untyped)
    """A `ModelInferRequest` for one picture."""
    request = service_pb2.ModelInferRequest(model_name=model, raw_input_contents=[picture.content])
    request.inputs.add(name=INPUT, datatype="UINT8", shape=[len(picture.content)])
    for name, value in options.items():
        setattr(request.parameters[name], _FIELDS[type(value)], value)
    return request


def count_boxes(response: Any) -> int | None:  # noqa: ANN401 (untyped)
    """Lines of text in a `ModelInferResponse`; None where it is not the `ocdrnet` model's."""
    return next((int(output.shape[0]) for output in response.outputs if output.name == _COUNTED), None)
