"""What can be set wrong between image and text: one thing at a time, everything else as the catalog has it.

Each takes the pipeline and pytest's monkeypatch and returns the pipeline with its one fault.
"""

from dataclasses import replace

import cv2
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from ocdrnet_deploy.catalog.description import NORMALIZATIONS
from ocdrnet_deploy.graphs import adapt
from ocdrnet_deploy.precision.half import half_precision
from ocdrnet_ops.geometry import crop
from ocdrnet_ops.image import resize
from ocdrnet_ops.recognition import decoding

MEAN_OFF_BY = 4  # levels of 255


def variant(name):
    def apply(pipeline, _patch):
        return replace(pipeline, detector=replace(pipeline.detector, normalization=NORMALIZATIONS[name]))

    return apply


def planes_in_rgb(pipeline, _patch):
    return pipeline.with_normalization("detector", planes="rgb")


def mean_of_plane(plane):
    def apply(pipeline, _patch):
        mean = np.array(pipeline.detector.normalization.mean)
        mean[plane] += MEAN_OFF_BY
        return pipeline.with_normalization("detector", mean=tuple(mean))

    return apply


def scale_of_plane(plane):
    def apply(pipeline, _patch):
        scale = np.array(pipeline.detector.normalization.scale)
        scale[plane] *= 255 / 224
        return pipeline.with_normalization("detector", scale=tuple(scale))

    return apply


def offsets_exchanged(pipeline, _patch):
    """Deformable offsets taken as (dx, dy) instead of (dy, dx)."""

    def exchange(model):
        for weight in model.graph.initializer:
            if list(weight.dims) == [27]:  # what the twin's offsets and masks are made of
                values = numpy_helper.to_array(weight).copy()
                values[:18] = values[:18].reshape(9, 2)[:, ::-1].ravel()
                weight.CopyFrom(numpy_helper.from_array(values, weight.name))

    return replace(pipeline, edit_detector=exchange)


def deformable_mask_left_out(pipeline, _patch):
    def leave_out(model):
        for node in model.graph.node:
            if node.op_type == "DeformConv":
                del node.input[3:]  # the bias, which is none, and the mask

    return replace(pipeline, edit_detector=leave_out)


def letterboxed(pipeline, _patch):
    return pipeline.with_card("detector", resize="letterbox")


def unclipped_by_3(pipeline, _patch):
    return pipeline.with_card("detector", unclip_ratio=3.0)


def picked_pixels(pipeline, patch):
    """The detector's input by nearest neighbour instead of bilinearly."""

    def nearest(image, height, width):
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST)

    patch.setattr(resize.detector_input, "__defaults__", (None, nearest))
    return pipeline


def gray_weights(*blue_green_red):
    def apply(pipeline, patch):
        patch.setattr(adapt, "GRAY", blue_green_red)
        return pipeline

    return apply


def recognizer_mean(pipeline, _patch):
    return pipeline.with_normalization("recognizer", mean=(127.5 + MEAN_OFF_BY,))


def recognizer_scale(pipeline, _patch):
    """Pixels to -0.5..0.5, without the division by 0.5 behind it."""
    return pipeline.with_normalization("recognizer", scale=(1 / 255,))


def aspect_kept(pipeline, patch):
    """TAO's other mode: a crop keeps its aspect, its last column fills up the rest."""

    def keep(straight, card, out):
        height, width = straight.shape[:2]
        own = cv2.resize(straight, (min(card.width, round(width * card.height / height)), card.height))
        out[:] = cv2.copyMakeBorder(own, 0, 0, 0, card.width - own.shape[1], cv2.BORDER_REPLICATE)

    patch.setattr(crop, "_stretch", keep)
    return pipeline


def ids_left_as_int64(pipeline, _patch):
    """The adapted graph without its cast: the next step takes the bytes for INT32."""

    def undo_cast(model):
        cast = next(node for node in model.graph.node if "output_id" in node.output)
        assert cast.op_type == "Cast"
        cast.attribute[0].i = TensorProto.INT64
        model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64

    return replace(pipeline, edit_recognizer=undo_cast)


def last_class_as_blank(pipeline, patch):
    patch.setattr(decoding, "BLANK", len(pipeline.recognizer.card["characters"]))
    return pipeline


def other_decoder(pipeline, _patch):
    now = pipeline.recognizer.card["decoder"]
    return pipeline.with_card("recognizer", decoder="ctc" if now == "attention" else "attention")


def characters_shifted(pipeline, _patch):
    characters = pipeline.recognizer.card["characters"]
    return pipeline.with_card("recognizer", characters=characters[1:] + characters[:1])


def spline_in_bfloat16(pipeline, patch):
    """The spatial transformer's two constants as bfloat16 has them, and not folded into one before."""
    patch.setattr(adapt, "keep_spatial_transformer", lambda model: model)
    model = onnx.ModelProto()
    model.CopyFrom(pipeline.recognizer_model)
    for weight in model.graph.initializer:
        if list(weight.dims)[1:] == [23]:
            values = numpy_helper.to_array(weight).copy()
            values.view(np.uint32)[...] &= 0xFFFF0000
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    return replace(pipeline, recognizer_model=model)


def in_fp16(pipeline, _patch):
    return replace(pipeline, edit_recognizer=lambda model: model.CopyFrom(half_precision(model)))


BOTH, CTC = ("ctc", "attention"), ("ctc",)

# What is changed -> how, and for which decoder's twins it makes sense.
MUTATIONS = {
    "detector: planes RGB instead of BGR": (planes_in_rgb, CTC),
    "detector: nvOCDR's means": (variant("nvocdr"), CTC),
    "detector: INT8 calibrator's planes": (variant("tao-int8-calibrator"), CTC),
    **{f"detector: mean of plane {i} off by {MEAN_OFF_BY}/255": (mean_of_plane(i), CTC) for i in range(3)},
    **{f"detector: scale of plane {i} 1/224": (scale_of_plane(i), CTC) for i in range(3)},
    "detector: letterbox instead of stretch": (letterboxed, BOTH),
    "detector: nearest pixel instead of bilinear": (picked_pixels, CTC),
    "detector: unclip ratio 3.0": (unclipped_by_3, BOTH),
    "recognizer: gray weights of R and B exchanged": (gray_weights(0.299, 0.587, 0.114), BOTH),
    "recognizer: gray as the planes' mean": (gray_weights(1 / 3, 1 / 3, 1 / 3), BOTH),
    "recognizer: gray by BT.709": (gray_weights(0.0722, 0.7152, 0.2126), BOTH),
    f"recognizer: mean off by {MEAN_OFF_BY}/255": (recognizer_mean, BOTH),
    "recognizer: scale 1/255": (recognizer_scale, BOTH),
    "recognizer: aspect kept instead of stretch": (aspect_kept, BOTH),
    "recognizer: INT64 ids not cast": (ids_left_as_int64, BOTH),
    "recognizer: last class as blank": (last_class_as_blank, CTC),
    "recognizer: the other decoder": (other_decoder, BOTH),
    "recognizer: spline in bfloat16, not folded": (spline_in_bfloat16, BOTH),
    "recognizer: characters shifted by one": (characters_shifted, BOTH),
}
DEFORMABLE = {
    "detector v1: offsets as (dx, dy)": offsets_exchanged,
    "detector v1: mask left out": deformable_mask_left_out,
}
