"""Probability map -> rotated boxes."""

import numpy as np

from ocdrnet_ops.dbnet import dbnet_settings, detect_boxes
from ocdrnet_triton.respond import options, respond_each, tensor
from ocdrnet_triton.settings import detector_card, prepare_process


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._card = detector_card(args)

    def execute(self, requests):
        return respond_each(requests, self._answer)

    def _answer(self, request):
        width, height = tensor(request, "IMAGE_SIZE").tolist()
        settings = dbnet_settings(self._card, options(request))
        found = detect_boxes(tensor(request, "PRED")[0, 0], tensor(request, "TILES")[0], (width, height), settings)
        return {
            "BOXES": found.boxes,
            "BOX_SCORES": found.scores,
            "TRUNCATED": np.array([found.truncated]),
        }
