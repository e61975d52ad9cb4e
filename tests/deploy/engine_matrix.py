"""Every network of the catalog as an engine is wanted of it, at its published size and small.

NVIDIA's weights are on no machine that tests run on: at published size a twin stands for them, with the outside of the
real file; small, a network of a few nodes with NVIDIA's operators and signatures.
"""

import dataclasses
import json

import onnx
from nvidia_graphs import deformable_ocdnet, ocdnet, ocrnet
from onnx import TensorProto
from twin_contracts import RECOGNIZERS
from twin_files import networks_at_hand

from ocdrnet_deploy.catalog.catalog import catalog
from ocdrnet_deploy.networks.description_file import description_json
from ocdrnet_deploy.repository.builder_check import engine_request
from ocdrnet_deploy.tensorrt.shapes import ShapeRange

PRECISIONS = ("fp16", "fp32")
CAPABILITIES = ("8.0", "8.6", "8.9", "12.0")
SIZES = ("published", "small")
NETWORKS = [(entry.description.kind, entry.name) for entry in networks_at_hand()]


def wanted(kind, name, precision, size, folder):
    """What would be built; the catalog must find twins (`place_twins`)."""
    if size == "published":
        return engine_request(kind, name, precision)
    if not name.startswith("oc"):
        return _least(engine_request(kind, name, precision, batch=2))
    graph, height, width = _small_graph(name)
    path, card = folder / f"{name}.onnx", folder / f"{name}.json"
    onnx.save(graph, path)
    description = next(e.description for e in catalog() if (e.description.kind, e.name) == (kind, name))
    sized = dataclasses.replace(description, card={**description.card, "height": height, "width": width})
    card.write_text(json.dumps(description_json(sized)))
    return engine_request(kind, str(path), precision, card_file=card, batch=2)


def _least(engine):
    """The whole network with the smallest inputs that the pipeline sends."""
    height = engine.shapes.least[1]
    low, high = (1, *engine.shapes.least[1:]), (2, height, 96, 3)
    return dataclasses.replace(
        engine, shapes=ShapeRange(low, (2, height, 64, 3), high if height == 48 else (2, 96, 96, 3))
    )


def _small_graph(name):
    if name.startswith("ocdnet"):
        if "v1" in name:
            return deformable_ocdnet(stride=2 if "50" in name else 1), 64, 96
        return ocdnet(batch=1 if name == "ocdnet-v2.0" else "batch_size", height=64, width=96), 64, 96
    version = next(version for version in RECOGNIZERS if version.name == name)
    height, width = (16, 52) if version.decoder == "ctc" else (16, 78)
    extra = version.extra_output
    return ocrnet(TensorProto.INT64 if extra else version.id_type, height, width, version.classes, extra), height, width
