"""Text recognition outside TensorRT: crops -> character ids, crops of many requests grouped by charset and width."""

from functools import partial

from ocdrnet_ops.charset import ALL, Charsets
from ocdrnet_ops.options import CHARSET
from ocdrnet_triton.network import open_network
from ocdrnet_triton.recognize import CharsetRecognizer
from ocdrnet_triton.respond import options, respond_all, respond_each, tensor
from ocdrnet_triton.settings import parameters, prepare_process, recognizer_card, version_folder
from ocdrnet_triton.warm_up import warm_recognizer

OUTPUTS = ("output_id", "output_prob")


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        card, folder, settings = recognizer_card(args), version_folder(args), parameters(args)
        restricted = folder / "charset.onnx"
        open_restricted = partial(open_network, restricted, OUTPUTS, settings) if restricted.exists() else None
        network, columns = open_network(folder / "model.onnx", OUTPUTS, settings), int(settings["max_columns"])
        warm_recognizer(network, card, columns)
        self._read = CharsetRecognizer(network, open_restricted, card, columns)
        self._charsets = Charsets(card)

    def execute(self, requests):
        charsets = [self._charset(request) for request in requests]
        pairs = list(zip(requests, charsets, strict=True))
        read = iter(respond_all([pair for pair in pairs if not isinstance(pair[1], Exception)], self._answer))
        return [_refused(*pair) if isinstance(pair[1], Exception) else next(read) for pair in pairs]

    def _charset(self, request):
        """What the request allows, or the error that it is answered with."""
        try:
            return self._charsets.find(options(request).get(CHARSET.name, ALL))
        except Exception as error:
            return error

    def _answer(self, pairs):
        crops = [tensor(request, "input") for request, _ in pairs]
        widths = [tensor(request, "CROP_WIDTHS")[:, 0] for request, _ in pairs]
        return self._read(crops, widths, [charset for _, charset in pairs])


def _refused(request, error):
    def refuse(_):
        raise error

    return respond_each([request], refuse)[0]
