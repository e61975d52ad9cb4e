"""Nodes that OpenVINO must compute in 32-bit floats, on a CPU where it computes the rest in bfloat16.

OpenVINO rounds a whole graph or nothing, but for nodes with a mark of its own, which Python cannot set. A graph in
OpenVINO's format can carry it: so the graph is written once, marked, and read again.
"""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from ocdrnet_triton.network import FLOAT32
from ocdrnet_triton.quiet_openvino import openvino as ov

# `ov::DisablePrecisionConversion` since 2026.1, `ov::DisableFP16Compression` before; the CPU plugin keeps the original
# precision of a node that has it (its node.cpp), bfloat16 or not. What a version does not know it ignores.
_MARKS = (
    {"name": "DisablePrecisionConversion", "version": "0", "value": "dynamic:f16"},
    {"name": "precise", "version": "0"},
)


def keep_float32(core: ov.Core, model: ov.Model) -> ov.Model:
    """The same model with its nodes named `FLOAT32...` marked; without such nodes it comes back as it is."""
    if not any(op.get_friendly_name().startswith(FLOAT32) for op in model.get_ops()):
        return model
    with tempfile.TemporaryDirectory(prefix="ocdrnet-") as folder:
        xml, weights = Path(folder, "model.xml"), Path(folder, "model.bin")
        ov.serialize(model, str(xml), str(weights))
        tree = ET.parse(xml)
        for layer in tree.getroot().findall("./layers/layer"):
            if layer.get("name", "").startswith(FLOAT32) and layer.get("type") not in ("Const", "Result"):
                _mark(layer)
        return core.read_model(ET.tostring(tree.getroot()), weights.read_bytes())


def _mark(layer: ET.Element) -> None:
    noted = layer.find("rt_info")
    if noted is None:
        noted = ET.Element("rt_info")
        layer.insert(1 if layer.find("data") is not None else 0, noted)
    for mark in _MARKS:
        ET.SubElement(noted, "attribute", mark)
