"""Text recognition outside TensorRT: crops -> character ids, crops of many requests grouped by width."""

from ocdrnet_triton.network import open_network
from ocdrnet_triton.recognize import recognize
from ocdrnet_triton.respond import respond_all, tensor
from ocdrnet_triton.settings import parameters, prepare_process, recognizer_card, version_folder


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._network = open_network(
            version_folder(args) / "model.onnx", ["output_id", "output_prob"], parameters(args)
        )
        self._card = recognizer_card(args)

    def execute(self, requests):
        return respond_all(requests, self._answer)

    def _answer(self, requests):
        crops = [tensor(request, "input") for request in requests]
        widths = [tensor(request, "CROP_WIDTHS")[:, 0] for request in requests]
        return recognize(self._network, crops, widths, self._card)
