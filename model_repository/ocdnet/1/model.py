"""Text detection outside TensorRT: image -> probability map."""

import numpy as np

from ocdrnet_ops.cards import read_detector_card
from ocdrnet_triton.network import open_network
from ocdrnet_triton.respond import respond_all, tensor
from ocdrnet_triton.settings import parameters, prepare_process, version_folder
from ocdrnet_triton.warm_up import warm_detector


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        folder = version_folder(args)
        self._network = open_network(folder / "model.onnx", ["pred"], parameters(args))
        warm_detector(self._network, read_detector_card(folder / "card.json"))

    def execute(self, requests):
        return respond_all(requests, self._answer)

    def _answer(self, requests):
        batches = [tensor(request, "input") for request in requests]
        # One image a job: a CPU gains nothing from a larger batch, and memory stays that of one image a stream.
        maps = iter(self._network.run(image[None] for batch in batches for image in batch))
        return [{"pred": np.concatenate([next(maps)["pred"] for _ in batch])} for batch in batches]
