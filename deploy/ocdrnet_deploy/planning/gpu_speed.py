"""How fast a GPU runs the two networks: measured by the operator, or published by NVIDIA.

NVIDIA's published speeds of OCDNet: images per second of the network alone, FP16, 640 x 640.

Source: the performance table of the OCDNet model card on NGC, `nvidia/tao/ocdnet`. There is none of OCRNet.
"""

from __future__ import annotations

from dataclasses import dataclass

from ocdrnet_deploy.planning.errors import NoPublishedSpeedError

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


NETWORKS = {"resnet18": RESNET_18, "fan-tiny": FAN_TINY, "fan-tiny-pruned": FAN_TINY_PRUNED}
DEFAULT_INPUT = (736, 1280)  # what NVIDIA's OCDNet exports have baked in

# Floating point operations of a 640 x 640 image and of a 32 x 100 crop, in 10^9, counted on the graphs of OCDNet
# ResNet-18 and OCRNet ResNet-50 (CTC).
_DETECTOR_GFLOP = 51.0
_RECOGNIZER_GFLOP = 10.6

# OCDNet ResNet-18 at the share of the FP16 peak that the published A100 figure is, 29 %.
_ESTIMATED = {"H100": 5660.0, "H200": 5660.0}


@dataclass(frozen=True)
class GpuSpeed:
    """Rates of the networks alone on one GPU.

    Attributes:
        gpu: its name.
        pictures_per_s: of the detector.
        crops_per_s: of the recognizer.
        sources: a sentence on where each comes from: measured, published or estimated.
    """

    gpu: str
    pictures_per_s: float
    crops_per_s: float
    sources: tuple[str, ...]


def gpu_speed(
    gpu: str,
    network: str = "resnet18",
    size: tuple[int, int] = DEFAULT_INPUT,
    pictures_per_s: float | None = None,
    crops_per_s: float | None = None,
) -> GpuSpeed:
    """Rates of a GPU.

    Args:
        gpu: as the model card calls it, such as `L4`; any name with both rates given.
        network: of `NETWORKS`.
        size: height and width of the detector's input, for the published figures.
        pictures_per_s: measured by the operator, instead of the published.
        crops_per_s: likewise, of the recognizer; there is nothing published.

    Raises:
        NoPublishedSpeedError: there is no figure to go by.
    """
    name = _known_name(gpu)
    detector, detector_source = (
        (pictures_per_s, f"detector: measured by you, {pictures_per_s:g} images/s")
        if pictures_per_s
        else _published(name, NETWORKS[network], size)
    )
    recognizer, recognizer_source = (
        (crops_per_s, f"recognizer: measured by you, {crops_per_s:g} crops/s") if crops_per_s else _estimated(name)
    )
    return GpuSpeed(name, detector, recognizer, (detector_source, recognizer_source))


def _known_name(gpu: str) -> str:
    """The card's spelling."""
    names = {name for published in NETWORKS.values() for name in published.images_per_second} | set(_ESTIMATED)
    return next((name for name in names if name.lower() == gpu.lower()), gpu)


def _published(gpu: str, network: Published, size: tuple[int, int]) -> tuple[float, str]:
    speed, kind = _at_640(gpu, network)
    height, width = size
    scaled = speed * SIDE**2 / (height * width)
    source = f"detector: {kind}, {network.network}, batch {network.batch}: {speed:g} images/s ({SOURCE})"
    if (height, width) != (SIDE, SIDE):
        source += f", by pixels {scaled:.3g} at {height} x {width}"
    return scaled, source


def _at_640(gpu: str, network: Published) -> tuple[float, str]:
    if gpu in network.images_per_second:
        return network.images_per_second[gpu], "published"
    if network is RESNET_18 and gpu in _ESTIMATED:
        return _ESTIMATED[gpu], "estimated from the published A100 figure by peak FP16 rates"
    known = ", ".join(network.images_per_second)
    raise NoPublishedSpeedError(
        f"NVIDIA published no speed of {network.network} on {gpu!r}, only on {known}; name another --network, or give "
        "what you measured with --pictures-per-s and --crops-per-s"
    )


def _estimated(gpu: str) -> tuple[float, str]:
    """As many operations a second as OCDNet ResNet-18 gets there: nothing is published of OCRNet."""
    speed = RESNET_18.images_per_second.get(gpu) or _ESTIMATED.get(gpu)
    if speed is None:
        raise NoPublishedSpeedError(
            f"nothing is published of OCRNet, and of OCDNet ResNet-18, from which it could be estimated, not on {gpu!r}"
            "; give what you measured with --crops-per-s"
        )
    crops = speed * _DETECTOR_GFLOP / _RECOGNIZER_GFLOP
    return crops, (
        f"recognizer: estimated, OCRNet ResNet-50: {crops:.3g} crops/s, if it gets as many operations a second as "
        "OCDNet ResNet-18; NVIDIA published none, so give --crops-per-s once you have measured"
    )
