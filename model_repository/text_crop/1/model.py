"""Boxes -> upright crops of the recognizer's height, its batch."""

from ocdrnet_ops.geometry.crop import crop_lines
from ocdrnet_triton.requests import answer_each, tensor
from ocdrnet_triton.settings import prepare_process, recognizer_card


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._card = recognizer_card(args)

    def execute(self, requests):
        return answer_each(requests, self._answer)

    def _answer(self, request):
        crops = crop_lines(tensor(request, "ORIGINAL"), tensor(request, "BOXES"), self._card)
        return {"CROPS": crops.pixels, "CROP_WIDTHS": crops.widths}
