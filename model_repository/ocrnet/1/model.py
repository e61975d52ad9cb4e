"""Text recognition on the CPU: crops -> character ids, crops of many requests grouped by width."""

from ocdrnet_triton.openvino_network import CpuPlacement, OpenVinoNetwork
from ocdrnet_triton.recognize import recognize
from ocdrnet_triton.respond import respond_all, tensor
from ocdrnet_triton.settings import parameters, prepare_process, recognizer_card, version_folder


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        chosen = parameters(args)
        placement = CpuPlacement(int(chosen["threads"]), int(chosen["streams"]))
        self._network = OpenVinoNetwork(version_folder(args) / "model.onnx", ["output_id", "output_prob"], placement)
        self._card = recognizer_card(args)

    def execute(self, requests):
        return respond_all(requests, self._answer)

    def _answer(self, requests):
        crops = [tensor(request, "input") for request in requests]
        widths = [tensor(request, "CROP_WIDTHS")[:, 0] for request in requests]
        return recognize(self._network, crops, widths, self._card)
