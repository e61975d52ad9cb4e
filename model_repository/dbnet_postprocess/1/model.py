"""Probability maps -> outlines of text; the detector is asked again for a picture that may lie on its side."""

import numpy as np

from ocdrnet_ops.dbnet import dbnet_settings
from ocdrnet_ops.detect import Detector, detect_text
from ocdrnet_ops.options import TILING, UPSIDE_DOWN, choice
from ocdrnet_triton.ask import ask_model
from ocdrnet_triton.respond import options, respond_each, tensor
from ocdrnet_triton.settings import detector_card, parameters, prepare_process

DETECTOR_SIDE = "detector_side"


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        settings = parameters(args)
        detector, self._preprocess = settings["detector"], settings["preprocess"]
        self._detector = Detector(
            detector_card(args), lambda tiles: ask_model(detector, {"input": tiles}, "pred")[:, 0]
        )

    def execute(self, requests):
        return respond_each(requests, self._answer)

    def _answer(self, request):
        chosen = options(request)
        settings = dbnet_settings(self._detector.card, chosen)
        width, height = tensor(request, "IMAGE_SIZE").tolist()
        placements, maps = tensor(request, "TILES"), tensor(request, "PRED")[:, 0]
        turned = choice(chosen, UPSIDE_DOWN)

        def tiles():
            """Made again from the file, in the rare case: to hand them on with every picture costs more."""
            picture = {"IMAGE": tensor(request, "IMAGE")}
            wanted = {name: chosen[name] for name in (DETECTOR_SIDE, TILING.name) if name in chosen}
            return ask_model(self._preprocess, picture, "DETECTOR_INPUT", wanted)

        found = detect_text(placements, maps, (width, height), settings, turned, self._detector, tiles)
        return {
            "BOXES": found.boxes,
            "BOX_SCORES": found.scores,
            "TRUNCATED": np.array([found.truncated]),
        }
