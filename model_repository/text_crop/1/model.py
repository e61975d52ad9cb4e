"""Boxes -> upright crops of the recognizer's height, its batch."""

from ocdrnet_triton.front_end import open_front_end
from ocdrnet_triton.requests import answer_each
from ocdrnet_triton.settings import prepare_process, recognizer_card


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._card, self._front_end = recognizer_card(args), open_front_end(args)

    def execute(self, requests):
        return answer_each(requests, self._answer)

    def _answer(self, request):
        boxes = self._front_end.host_tensor(request, "BOXES")
        crops = self._front_end.crop_lines(self._front_end.tensor(request, "ORIGINAL"), boxes, self._card)
        return {"CROPS": self._front_end.handed_on(crops.pixels), "CROP_WIDTHS": crops.widths}
