"""The pipeline from an encoded image to texts in this process: the steps' own functions, ONNX Runtime between."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnxruntime as ort
from twin_detector import detector_twin
from twin_recognizer import recognizer_twin

from ocdrnet_deploy.catalog.catalog import find_network
from ocdrnet_deploy.catalog.description import NetworkDescription
from ocdrnet_deploy.graphs.adapt import adapt_detector, adapt_recognizer
from ocdrnet_deploy.graphs.deform_conv import rewrite_deform_conv
from ocdrnet_ops.answer.lines import Candidates, FlippedReading, RecognizerOutput, decode_lines
from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.detection.dbnet import dbnet_settings, detect_boxes
from ocdrnet_ops.geometry.crop import crop_lines
from ocdrnet_ops.image.decode import ImageLimits, decode_image
from ocdrnet_ops.image.resize import detector_input

PROVENANCE = ("twin", "the tests", "none", "0" * 64)


@dataclass(frozen=True)
class TwinPipeline:
    """Two twins, what the catalog says of the versions that they stand for, and edits of the adapted graphs."""

    detector: NetworkDescription
    recognizer: NetworkDescription
    detector_model: onnx.ModelProto
    recognizer_model: onnx.ModelProto
    edit_detector: Callable = lambda model: None
    edit_recognizer: Callable = lambda model: None

    @classmethod
    def of(cls, detector, recognizer):
        descriptions = (
            find_network(kind, version.name).description
            for kind, version in (("detector", detector), ("recognizer", recognizer))
        )
        return cls(*descriptions, detector_twin(detector), recognizer_twin(recognizer))

    def with_normalization(self, kind, **values):
        description = getattr(self, kind)
        changed = replace(description, normalization=replace(description.normalization, **values))
        return replace(self, **{kind: changed})

    def with_card(self, kind, **fields):
        description = getattr(self, kind)
        return replace(self, **{kind: replace(description, card={**description.card, **fields})})

    def read(self, encoded):
        """Texts of an image file, in reading order."""
        card = DetectorCard(*PROVENANCE, **self.detector.card)
        image = decode_image(encoded, ImageLimits()).pixels
        size = image.shape[1::-1]
        seen = detector_input(image, card)
        model = adapt_detector(rewrite_deform_conv(self.detector_model), self.detector)
        self.edit_detector(model)
        found = _run(model, seen.tiles)["pred"]
        boxes = detect_boxes(found[0, 0], seen.map_transforms[0], size, dbnet_settings(card, {})).boxes
        return self._recognized(image, boxes)

    def _recognized(self, image, boxes):
        fields = {**self.recognizer.card, "characters": tuple(self.recognizer.card["characters"])}
        card = RecognizerCard(*PROVENANCE, **fields)
        crops = crop_lines(image, boxes, card)
        model = adapt_recognizer(self.recognizer_model, self.recognizer)
        self.edit_recognizer(model)
        found = _run(model, crops.pixels)
        ids = _as_int32(found["output_id"])
        probabilities, size = found["output_prob"], image.shape[1::-1]
        candidates = Candidates(boxes, np.ones(len(boxes), np.float32), crops.widths[:, 0])
        nothing_turned = FlippedReading(ids[:1], probabilities[:1], np.zeros(0, np.int32))
        first = RecognizerOutput(ids, probabilities)
        return decode_lines(candidates, first, nothing_turned, size, card, card.min_text_score).texts


def _as_int32(ids):
    """What the next step would see: the repository's config says INT32, whatever the bytes are."""
    return np.frombuffer(ids.tobytes(), np.int32)[: ids.size].reshape(ids.shape)


def _run(model, pixels):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"input": pixels}), strict=True))
