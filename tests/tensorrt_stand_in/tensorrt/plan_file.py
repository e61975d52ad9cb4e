"""What a plan of the stand-in is: the adapted graph behind a header that says for which inputs it was built.

Imported by `trtexec.py`, which writes it, and by the backend beside this file, which runs it. Standard library alone.
"""

import json
import os
import struct
from dataclasses import asdict, dataclass

MAGIC = b"ftrt"
DEFAULT_VERSION = "101200"
DEFAULT_GPUS = "0, GPU-5d0b7b3a-0000-4000-8000-000000000000, 8.9, NVIDIA L4"


class RefusedError(Exception):
    """What TensorRT would refuse, in a line."""


@dataclass(frozen=True)
class Header:
    """For what a plan was built: TensorRT's number, the GPU's compute capability, and the profile of `input`."""

    version: int
    capability: str
    least: list
    tuned: list
    most: list

    @property
    def dims(self):
        """Without the batch; -1 where the profile is a range."""
        return [a if a == b else -1 for a, b in zip(self.least[1:], self.most[1:], strict=True)]


def plan_bytes(header, graph):
    """The file: magic, length of the header, header, graph."""
    text = json.dumps(asdict(header)).encode()
    return MAGIC + struct.pack("<I", len(text)) + text + graph


def read_plan(path):
    """The header, and the graph as bytes."""
    content = path.read_bytes()
    if content[:4] != MAGIC or len(content) < 8:
        raise RefusedError(f"{path.name}: Serialization assertion magicTag == MAGIC failed: this is no plan")
    (length,) = struct.unpack("<I", content[4:8])
    return Header(**json.loads(content[8 : 8 + length])), content[8 + length :]


def version():
    """TensorRT's number on this machine."""
    return int(os.environ.get("TRTEXEC_VERSION", DEFAULT_VERSION))


def gpus():
    """GPUs as `nvidia-smi` lists them, by their PCI bus: index, UUID, compute capability, name."""
    lines = os.environ.get("STAND_IN_GPUS", DEFAULT_GPUS).split(";")
    return [tuple(field.strip() for field in line.split(",")) for line in lines if line.strip()]


def cuda_devices():
    """GPUs in the order in which CUDA counts them here, as its programming guide has it ("CUDA Environment Variables").

    The fastest first, which is the latest here, unless CUDA_DEVICE_ORDER says otherwise; then those that
    CUDA_VISIBLE_DEVICES names, up to the first that is none.
    """
    found = gpus()
    if os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        found = sorted(found, key=lambda gpu: float(gpu[2]), reverse=True)
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return found
    chosen = []
    for name in named.split(","):
        if name.strip().isdigit():
            match = found[int(name) : int(name) + 1]
        else:
            match = [gpu for gpu in found if name.strip() and gpu[1].startswith(name.strip())]
        if len(match) != 1:
            break
        chosen += match
    return chosen
