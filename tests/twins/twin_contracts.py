"""The published versions of OCDNet and OCRNet as their exports are, held apart from the project's own catalog."""

from dataclasses import dataclass
from typing import Literal

from onnx import TensorProto

DETECTOR_SIZE = 736, 1280
STEPS = 26

DIGITS_AND_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
SIXTY_ONE_CHARACTERS = "!#$%&'()*+,-./0123456789:;<=>[]^_abcdefghijklmnopqrstuvwxyz|~"


@dataclass(frozen=True)
class DetectorVersion:
    """One OCDNet file: `deformable` counts its ModulatedDeformConv2d nodes; `batch` is fixed or named."""

    name: str
    file: str
    opset: int
    deformable: int = 0
    batch: int | str = "batch_size"


@dataclass(frozen=True)
class RecognizerVersion:
    """One OCRNet file: `id_type` as ONNX numbers it; `extra_output` where TAO 5.0 left a third one."""

    name: str
    file: str
    decoder: Literal["ctc", "attention"]
    id_type: int
    extra_output: bool = False
    opset: int = 17

    @property
    def size(self):
        """Height and width in pixels."""
        return (32, 100) if self.decoder == "ctc" else (64, 200)

    @property
    def recurrent(self):
        """How many LSTM nodes: the attention decoder's 26 steps are unrolled."""
        return 2 if self.decoder == "ctc" else 28

    @property
    def characters(self):
        return DIGITS_AND_LETTERS if self.decoder == "ctc" else SIXTY_ONE_CHARACTERS

    @property
    def classes(self):
        """The characters behind the blank, or behind [GO] and [s]."""
        return len(self.characters) + (1 if self.decoder == "ctc" else 2)


# From version 2.0 on: FAN, opset 17. The names of v2.1's and v2.2's files stand in NGC's own listing alone.
DETECTORS = (
    DetectorVersion("ocdnet-v1.0-resnet18", "dcn_resnet18.onnx", opset=11, deformable=6),
    DetectorVersion("ocdnet-v1.0-resnet50", "dcn_resnet50.onnx", opset=11, deformable=13),
    DetectorVersion("ocdnet-v2.0", "ocdnet_fan_tiny_2x_icdar.onnx", opset=17, batch=1),
    DetectorVersion("ocdnet-v2.1", "listed-by-ngc.onnx", opset=17),
    DetectorVersion("ocdnet-v2.2", "listed-by-ngc.onnx", opset=17),
    DetectorVersion("ocdnet-v2.3", "ocdnet_fan_tiny_2x_icdar_pruned.onnx", opset=17),
    DetectorVersion("ocdnet-v2.4", "ocdnet_fan_tiny_2x_icdar_pruned.onnx", opset=17),
)
RECOGNIZERS = (
    RecognizerVersion("ocrnet-v1.0", "ocrnet_resnet50.onnx", "ctc", TensorProto.INT64, extra_output=True),
    RecognizerVersion("ocrnet-v1.0.1", "ocrnet_resnet50.onnx", "ctc", TensorProto.INT32),
    RecognizerVersion("ocrnet-v2.0", "ocrnet-vit.onnx", "attention", TensorProto.INT64),
    RecognizerVersion("ocrnet-v2.0.1", "ocrnet-vit.onnx", "attention", TensorProto.INT32),
    RecognizerVersion("ocrnet-v2.1", "ocrnet-vit-pcb.onnx", "attention", TensorProto.INT64),
    RecognizerVersion("ocrnet-v2.1.1", "ocrnet-vit-pcb.onnx", "attention", TensorProto.INT32),
)
