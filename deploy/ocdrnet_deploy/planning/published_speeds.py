"""NVIDIA's published speeds of OCDNet: images per second of the network alone, FP16, 640 x 640.

Source: the performance table of the OCDNet model card on NGC, `nvidia/tao/ocdnet`. There is none of OCRNet.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "model card of nvidia/tao/ocdnet on NGC: FP16, 640 x 640, network only"
SIDE = 640


@dataclass(frozen=True)
class Published:
    """A row of the model card.

    Attributes:
        network: with its backbone.
        batch: images a run.
        images_per_second: by GPU.
    """

    network: str
    batch: int
    images_per_second: dict[str, float]


RESNET_18 = Published(
    "OCDNet ResNet-18",
    32,
    {"Orin Nano": 31, "Orin NX": 46, "AGX Orin": 122, "T4": 294, "L4": 432, "A100": 1786},
)
FAN_TINY = Published(
    "OCDNet FAN-tiny",
    1,
    {"T4": 2.74, "L4": 5.36, "A30": 8.34, "L40": 15.01, "A100": 16.61, "H100": 29.13},
)
FAN_TINY_PRUNED = Published(
    "OCDNet FAN-tiny, pruned",
    2,
    {"T4": 3.51, "A30": 11.37, "L40": 19.04, "A100": 22.66, "H100": 40.07},
)
PUBLISHED = (RESNET_18, FAN_TINY, FAN_TINY_PRUNED)
