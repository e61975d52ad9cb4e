"""Text recognition: crops -> character ids, crops of many requests grouped by charset and width."""

from functools import partial

from ocdrnet_ops.image.network_inputs import check_crops
from ocdrnet_ops.options import CHARSET
from ocdrnet_ops.recognition.charset import ALL, Charsets
from ocdrnet_triton.engines.factory import open_network
from ocdrnet_triton.engines.recognizer import CharsetRecognizer
from ocdrnet_triton.engines.warm_up import warm_recognizer, warm_ups
from ocdrnet_triton.requests import answer_batch, options, tensor
from ocdrnet_triton.settings import parameters, prepare_process, recognizer_card, version_folder

OUTPUTS = ("output_id", "output_prob")


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        card, folder, settings = recognizer_card(args), version_folder(args), parameters(args)
        restricted = folder / "charset.onnx"
        once = {**settings, "graphs": "0"}  # a second network's graphs would take the memory of the first's again
        open_restricted = partial(open_network, restricted, OUTPUTS, once) if restricted.exists() else None
        network, columns = open_network(folder / "model.onnx", OUTPUTS, settings), int(settings["max_columns"])
        if "plan" not in settings:  # Triton warms a plan itself
            warm_recognizer(network, card, columns, warm_ups(settings))
        self._read = CharsetRecognizer(network, open_restricted, card, columns)
        self._card, self._charsets = card, Charsets(card)

    def execute(self, requests):
        return answer_batch(requests, self._take, self._answer)

    def _take(self, request):
        crops, widths = tensor(request, "input"), tensor(request, "CROP_WIDTHS")[:, 0]
        check_crops(crops, widths, self._card)
        return crops, widths, self._charsets.find(options(request).get(CHARSET.name, ALL))

    def _answer(self, taken):
        return self._read(*zip(*taken, strict=True))
