"""Text detection outside TensorRT: image -> probability map."""

import numpy as np

from ocdrnet_ops.cards import read_detector_card
from ocdrnet_ops.image.network_inputs import check_detector_input
from ocdrnet_triton.engines.factory import open_network
from ocdrnet_triton.engines.warm_up import warm_detector, warm_ups
from ocdrnet_triton.requests import answer_batch, tensor
from ocdrnet_triton.settings import parameters, prepare_process, version_folder


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        folder = version_folder(args)
        self._card = read_detector_card(folder / "card.json")
        settings = parameters(args)
        self._network = open_network(folder / "model.onnx", ["pred"], settings)
        warm_detector(self._network, self._card, warm_ups(settings))

    def execute(self, requests):
        return answer_batch(requests, self._take, self._answer)

    def _take(self, request):
        images = tensor(request, "input")
        check_detector_input(images, self._card)
        return images

    def _answer(self, batches):
        # One image a job: a CPU gains nothing from a larger batch, and memory stays that of one image a stream.
        maps = iter(self._network.run(image[None] for batch in batches for image in batch))
        return [{"pred": np.concatenate([next(maps)["pred"] for _ in batch])} for batch in batches]
