"""An image, encoded or as pixels -> upright pixels and the detector's input."""

import numpy as np

from ocdrnet_ops.detection.dbnet import dbnet_settings
from ocdrnet_ops.errors import ImageError
from ocdrnet_ops.image.decode import ImageLimits
from ocdrnet_ops.image.frame import frame_image
from ocdrnet_ops.options import TILING, choice
from ocdrnet_triton.front_end import open_front_end
from ocdrnet_triton.requests import answer_each, options, tensor_or_none
from ocdrnet_triton.settings import detector_card, parameters, prepare_process


class TritonPythonModel:
    def initialize(self, args):
        prepare_process()
        limits = parameters(args)
        self._card, self._front_end = detector_card(args), open_front_end(args)
        self._max_tiles = int(limits["max_tiles"])
        self._limits = ImageLimits(int(limits["max_image_bytes"]), int(limits["max_image_pixels"]))

    def execute(self, requests):
        return answer_each(requests, self._answer)

    def _answer(self, request):
        chosen = options(request)
        dbnet_settings(self._card, chosen)  # refuse a bad option here, before the networks have worked for it
        image = self._image(request)
        side, tiling = chosen.get("detector_side"), choice(chosen, TILING)
        detector = self._front_end.detector_tiles(image.pixels, self._card, side, tiling, self._max_tiles)
        height, width = image.pixels.shape[:2]
        return {
            "ORIGINAL": self._front_end.handed_on(image.pixels),
            "IMAGE_SIZE": np.array([width, height], np.int32),
            "FRAMES": np.array([image.frames], np.int32),
            "DETECTOR_INPUT": self._front_end.handed_on(detector.tiles),
            "TILES": detector.map_transforms,
            "DETAIL": detector.detail,
        }

    def _image(self, request):
        encoded, pixels = tensor_or_none(request, "IMAGE"), tensor_or_none(request, "PIXELS")
        if (encoded is None) == (pixels is None):
            raise ImageError("image_preprocess takes one of the inputs IMAGE and PIXELS")
        if encoded is not None:
            return self._front_end.decode_image(encoded.tobytes(), self._limits)
        return self._front_end.placed(frame_image(pixels, self._limits))
