"""Networks run by ONNX Runtime, as they are or adapted."""

import functools
import os
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

EVAL = Path(os.environ.get("OCDRNET_EVAL", Path(__file__).parents[3] / "shared" / "eval"))


def run(model, pictures):
    """Outputs by name."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: pictures}), strict=True))


def normalized(pictures, normalization):
    """Reference preprocessing: what the network was trained on, float32 [N, C, h, w], from uint8 [N, h, w, 3] BGR."""
    planes = pictures.astype(np.float64)
    if normalization.planes == "gray":
        planes = gray(pictures)[..., None]
    elif normalization.planes == "rgb":
        planes = planes[..., ::-1]
    planes = (planes - np.array(normalization.mean)) * np.array(normalization.scale)
    return np.ascontiguousarray(planes.transpose(0, 3, 1, 2).astype(np.float32))


def gray(pictures):
    """0.299 R + 0.587 G + 0.114 B, rounded, in the 32-bit floats that the engines have: ties go as they go there."""
    weighted = pictures.astype(np.float32) * np.array([0.114, 0.587, 0.299], np.float32)
    return np.rint(weighted[..., 0] + weighted[..., 1] + weighted[..., 2]).astype(np.float64)


@functools.cache
def real_images():
    """The 80 photos and receipts with truth, uint8 [H, W, 3] BGR, for tests marked `images`."""
    paths = sorted(path for path in EVAL.glob("*-dev/images/*") if path.suffix.lower() in (".jpg", ".png"))
    return [cv2.imread(str(path)) for path in paths]


def stretched(images, height, width, interpolation=cv2.INTER_LINEAR):
    return np.stack([cv2.resize(image, (width, height), interpolation=interpolation) for image in images])


def random_images(count, height, width):
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), np.uint8)
