"""Text detection outside TensorRT: image -> probability map."""

import numpy as np

from ocdrnet_triton.network import open_network
from ocdrnet_triton.respond import respond_all, tensor
from ocdrnet_triton.settings import parameters, prepare_process, version_folder


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        self._network = open_network(version_folder(args) / "model.onnx", ["pred"], parameters(args))

    def execute(self, requests):
        return respond_all(requests, self._answer)

    def _answer(self, requests):
        batches = [tensor(request, "input") for request in requests]
        # One image a job: a CPU gains nothing from a larger batch, and memory stays that of one image a stream.
        maps = iter(self._network.run(image[None] for batch in batches for image in batch))
        return [{"pred": np.concatenate([next(maps)["pred"] for _ in batch])} for batch in batches]
