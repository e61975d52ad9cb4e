"""First readings -> the crops to read again, turned by 180 degrees."""

import numpy as np

from ocdrnet_ops.geometry.crop import WIDTH_STEP
from ocdrnet_ops.options import CHARSET, UPSIDE_DOWN, choice
from ocdrnet_ops.recognition.charset import ALL, Charsets
from ocdrnet_ops.recognition.crossing import run_down
from ocdrnet_ops.recognition.line_flip import lines_to_turn, score_readings, turn_crops
from ocdrnet_triton.requests import answer_each, options, tensor
from ocdrnet_triton.settings import prepare_process, recognizer_card


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._card = recognizer_card(args)
        self._charsets = Charsets(self._card)

    def execute(self, requests):
        return answer_each(requests, self._answer)

    def _answer(self, request):
        chosen = options(request)
        crops, widths, boxes = tensor(request, "CROPS"), tensor(request, "CROP_WIDTHS"), tensor(request, "BOXES")
        count = len(boxes)  # without one there is a blank crop
        allowed = chosen.get(CHARSET.name, ALL)
        ids, any_character = (
            self._charsets.restrict(allowed, tensor(request, "OUTPUT_ID")),
            self._charsets.find(allowed) is None,
        )
        probabilities = tensor(request, "OUTPUT_PROB")[:count]
        first = score_readings(ids[:count], probabilities, widths[:count, 0], self._card, any_character)
        lines = lines_to_turn(first, widths[:count, 0], run_down(boxes), choice(chosen, UPSIDE_DOWN))
        if not len(lines):  # a batch cannot be empty: one crop of no width, which no recognizer has to read
            blank = crops[:1, :, : self._card.width or WIDTH_STEP]
            return {"TURNED": lines, "TURNED_CROPS": blank, "TURNED_WIDTHS": np.zeros((1, 1), np.int32)}
        return {
            "TURNED": lines,
            "TURNED_CROPS": turn_crops(crops[lines], widths[lines, 0]),
            "TURNED_WIDTHS": widths[lines],
        }
