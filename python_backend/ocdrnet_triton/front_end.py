"""Who decodes, scales and crops: OpenCV on the CPU, or a GPU on which the pixels then stay. Chosen at build.

On the GPU nvImageCodec decodes JPEG, and CuPy scales and crops; tensors go on by DLPack, where they lie. What an image
may be, where its text lies and what the detector sees is decided by the same functions as on the CPU. Where no GPU was
found at build, the same code runs on CPU tensors, by nvImageCodec's decoder for CPUs and NumPy: for tests.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.detection.tiles import detector_tiles, image_border, shows_whole
from ocdrnet_ops.geometry.crop import Crops, crop_lines
from ocdrnet_ops.geometry.text_outline import Outlines
from ocdrnet_ops.image.decode import DecodedImage, decode_image, image_file, turned_upright
from ocdrnet_ops.image.file import ImageFile, ImageLimits
from ocdrnet_ops.image.jpeg import JpegFile
from ocdrnet_ops.image.resize import DetectorInput, detector_input
from ocdrnet_triton.array_pixels import Array, ArrayPixels
from ocdrnet_triton.requests import OnDevice, Request, array_tensor, tensor
from ocdrnet_triton.settings import Args, parameters

FRONT_END = "front_end"  # parameter of config.pbtxt
INSTALL = "pip install 'ocdrnet[gpu-front-end]'"
# As libjpeg-turbo does by default, and nvJPEG only when asked: chroma is interpolated.
_DECODER_OPTIONS = ":fancy_upsampling=1"


class FrontEnd(Protocol):
    """What `image_preprocess` and `text_crop` do with pixels."""

    def decode_image(self, data: bytes, limits: ImageLimits) -> DecodedImage:
        """As `image.decode.decode_image`; the pixels lie where the front end works."""
        ...

    def placed(self, image: DecodedImage) -> DecodedImage:
        """An image of NumPy's with its pixels where the front end works."""
        ...

    def detector_tiles(
        self, image: Array, card: DetectorCard, side: int | None, tiling: str, max_tiles: int
    ) -> DetectorInput:
        """As `detection.tiles.detector_tiles`, of pixels that lie there."""
        ...

    def crop_lines(self, image: Array, boxes: Outlines, card: RecognizerCard) -> Crops:
        """As `geometry.crop.crop_lines`, of pixels that lie there."""
        ...

    def tensor(self, request: Request, name: str) -> Array:
        """An input tensor where the front end works."""
        ...

    def host_tensor(self, request: Request, name: str) -> npt.NDArray[Any]:
        """An input tensor as NumPy's array."""
        ...

    def handed_on(self, array: Array) -> Any:  # noqa: ANN401 - what `requests.Arrays` may hold
        """Pixels as an output tensor."""
        ...


class OpenCvFrontEnd:
    """The functions of `ocdrnet_ops`, on arrays of NumPy's."""

    decode_image = staticmethod(decode_image)
    detector_tiles = staticmethod(detector_tiles)
    crop_lines = staticmethod(crop_lines)
    tensor = staticmethod(tensor)
    host_tensor = staticmethod(tensor)

    def placed(self, image: DecodedImage) -> DecodedImage:
        """The image itself."""
        return image

    def handed_on(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The array itself."""
        return array


class ArrayFrontEnd:
    """nvImageCodec, and an array library."""

    def __init__(self, library: Any, gpu: int | None) -> None:  # noqa: ANN401 - a module
        """Open the decoder.

        Args:
            library: `cupy`, or `numpy`.
            gpu: CUDA's number of the GPU to decode on; None for the CPU.

        Raises:
            ImportError: nvImageCodec is not installed.
        """
        self._library = library
        self._codec = codec = importlib.import_module("nvidia.nvimgcodec")
        place = codec.NVIMGCODEC_DEVICE_CPU_ONLY if gpu is None else gpu
        backends = [codec.Backend(codec.BackendKind.CPU_ONLY)] if gpu is None else None
        # One thread, as OpenCV has: Triton's instances are the parallelism.
        self._decoder = codec.Decoder(place, 1, backends, _DECODER_OPTIONS)
        self._as_stored = codec.DecodeParams(False, codec.ColorSpec.SRGB, False, codec.SampleFormat.I_BGR)
        self._pixels = ArrayPixels(library)

    def decode_image(self, data: bytes, limits: ImageLimits) -> DecodedImage:
        """Decode a JPEG by nvImageCodec; what it does not decode, and other formats, by the CPU's decoders.

        The guard in front is the same. So are the errors: whatever nvImageCodec refuses is refused, or read, by the
        decoder that the CPU's front end has.
        """
        file = image_file(data, limits)
        pixels = self._jpeg_pixels(file)
        if pixels is None:
            return self.placed(decode_image(data, limits))
        return DecodedImage(self._library.array(turned_upright(pixels, file.orientation), order="C"), file.frames)

    def _jpeg_pixels(self, file: ImageFile) -> Array | None:
        """uint8 [H, W, 3], BGR, as stored; None where the CPU's decoders are to be asked."""
        if not isinstance(file, JpegFile) or not file.has_end or file.channels == 4:
            return None
        decoded = self._decoder.decode(self._codec.CodeStream(file.needed), params=self._as_stored)
        if decoded is None or tuple(decoded.shape) != (file.height, file.width, 3):
            return None
        return self._library.asarray(decoded)

    def placed(self, image: DecodedImage) -> DecodedImage:
        """An image of NumPy's on the device."""
        return replace(image, pixels=self._library.asarray(image.pixels))

    def detector_tiles(
        self, image: Array, card: DetectorCard, side: int | None, tiling: str, max_tiles: int
    ) -> DetectorInput:
        """The whole image is scaled on the device; what is cut, or may be blank, is cut on the CPU and moved back."""
        border, (height, width) = self._host(image_border(image)), image.shape[:2]
        if shows_whole(border, height, width, card, side, tiling, max_tiles):
            return detector_input(image, card, side, self._pixels.scale)
        seen = detector_tiles(self._host(image), card, side, tiling, max_tiles)
        return replace(seen, tiles=self._library.asarray(seen.tiles))

    def crop_lines(self, image: Array, boxes: Outlines, card: RecognizerCard) -> Crops:
        """As `ArrayPixels.crop_lines`."""
        return self._pixels.crop_lines(image, boxes, card)

    def tensor(self, request: Request, name: str) -> Array:
        """An input tensor on the device, by DLPack: Triton says where it lies only when it comes."""
        return array_tensor(request, name, self._library)

    def host_tensor(self, request: Request, name: str) -> npt.NDArray[Any]:
        """An input tensor in the host's memory, wherever it lay."""
        return self._host(self.tensor(request, name))

    def handed_on(self, array: Array) -> OnDevice | npt.NDArray[Any]:
        """By DLPack; by copy where it is an array of NumPy's.

        Triton renames a capsule that it took to `used_dlpack`, where NumPy's destructor looks for DLPack's own
        `used_dltensor`, and then brings the process down (seen with Triton 2.51 and NumPy 1.26). CuPy's asks only
        whether the capsule is still unused.
        """
        return array if self._library is np else OnDevice(self._library.ascontiguousarray(array))

    def _host(self, array: Array) -> npt.NDArray[Any]:
        return np.asarray(array) if self._library is np else self._library.asnumpy(array)


def open_front_end(args: Args) -> FrontEnd:
    """The front end that the model's config.pbtxt names, on the device that Triton gave the model.

    Raises:
        RuntimeError: a package that it takes is not installed.
    """
    if parameters(args).get(FRONT_END, "cpu") == "cpu":
        return OpenCvFrontEnd()
    try:
        return _open_array_front_end(args)
    except ImportError as error:
        raise RuntimeError(f"the front end on the GPU does not load ({error}): {INSTALL}") from error


def _open_array_front_end(args: Mapping[str, str]) -> ArrayFrontEnd:
    if args["model_instance_kind"] == "GPU":
        gpu = int(args["model_instance_device_id"])
        cupy = importlib.import_module("cupy")
        cupy.cuda.Device(gpu).use()
        return ArrayFrontEnd(cupy, gpu)
    print(
        f"ocdrnet: {args['model_name']}: the front end on the GPU has no GPU here: it works on CPU tensors, slower "
        "than that of --front-end cpu. Build the repository on a machine with a GPU, or with --front-end cpu",
        file=sys.stderr,
        flush=True,
    )
    return ArrayFrontEnd(np, None)
