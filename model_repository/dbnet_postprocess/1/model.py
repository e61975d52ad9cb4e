"""Probability maps -> outlines of text; the detector is asked again for an image that may lie on its side."""

import numpy as np

from ocdrnet_ops.detection.closer_look import Detector
from ocdrnet_ops.detection.dbnet import dbnet_settings
from ocdrnet_ops.detection.detect import detect_text
from ocdrnet_ops.image.resize import DetectorInput
from ocdrnet_ops.options import UPSIDE_DOWN, choice
from ocdrnet_triton.bls import call_model
from ocdrnet_triton.requests import answer_each, options, tensor
from ocdrnet_triton.settings import detector_card, parameters, prepare_process


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        own = parameters(args)
        model, max_tiles = own["detector"], int(own["max_tiles"])
        self._detector = Detector(
            detector_card(args), lambda tiles: call_model(model, {"input": tiles}, "pred")[:, 0], max_tiles
        )

    def execute(self, requests):
        return answer_each(requests, self._answer)

    def _answer(self, request):
        chosen = options(request)
        settings = dbnet_settings(self._detector.card, chosen)
        width, height = tensor(request, "IMAGE_SIZE").tolist()
        seen = DetectorInput(tensor(request, "DETECTOR_INPUT"), tensor(request, "TILES"), tensor(request, "DETAIL"))
        maps, turned = tensor(request, "PRED")[:, 0], choice(chosen, UPSIDE_DOWN)
        found = detect_text(seen, maps, (width, height), settings, turned, self._detector)
        return {
            "BOXES": found.boxes,
            "BOX_SCORES": found.scores,
            "TRUNCATED": np.array([found.truncated]),
        }
