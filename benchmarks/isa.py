"""The instructions that the readers may use: a machine with more of them stands in for one with fewer.

oneDNN, which computes in OpenVINO, honours ONEDNN_MAX_CPU_ISA (its documentation, "CPU Dispatcher Control"). OpenVINO
does not know of it when it chooses between bfloat16 and float32, so the precision is set as a CPU without bfloat16 has
it. rapidocr-ng's engine has a switch for AVX-512 and no code for AMX. ONNX Runtime, in RapidOCR's default engine,
faster-paddle and TurboOCR, cannot be limited: it uses AMX for integers alone, so these networks in float32 run as
without it; but under `avx2` it keeps its AVX-512, which favours it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from ocdrnet_deploy.repository.configs import config_text, read_config

NETWORKS = ("ocdnet", "ocrnet")


@dataclass(frozen=True)
class Isa:
    """A limit.

    Attributes:
        environment: variables of every process that computes.
        precision: that OpenVINO is told to compute in; its own choice when empty.
    """

    environment: dict[str, str] = field(default_factory=dict)
    precision: str = ""


ISAS = {
    "native": Isa(),
    "avx512-bf16": Isa({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}),  # as AMD from Zen 4 on
    "avx512-vnni": Isa({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI"}, "f32"),  # as Intel's Cascade Lake and Ice Lake
    "avx2": Isa({"ONEDNN_MAX_CPU_ISA": "AVX2", "PPOCR_DISABLE_AVX512": "1"}, "f32"),
}


def limit_instructions(name: str, repository: Path) -> None:
    """Apply a limit to what this process starts from now on, and to a repository that is not served yet.

    Args:
        name: of `ISAS`.
        repository: built for this run; its networks' configs are changed.
    """
    limit = ISAS[name]
    os.environ.update(limit.environment)
    if not limit.precision:
        return
    for network in NETWORKS:
        path = repository / network / "config.pbtxt"
        config = read_config(path)
        config.parameters["precision"].string_value = limit.precision
        path.write_text(config_text(config), encoding="utf-8")
