"""The front end for a GPU, on CPU tensors, against that of the CPU."""

import dataclasses
import importlib
import json
import sys
from types import ModuleType

import cupy_stand_in
import numpy as np
import pytest
from encoded_pictures import encode, exif
from PIL import Image

from ocdrnet_ops.cards import DetectorCard, RecognizerCard
from ocdrnet_ops.detection.tiles import detector_tiles
from ocdrnet_ops.errors import ImageError, OptionError
from ocdrnet_ops.image.decode import DecodedImage, decode_image
from ocdrnet_ops.image.file import ImageLimits

LIMITS = ImageLimits()
FREE = DetectorCard("d", "s", "l", "0", "multiple-of-32")
FIXED = {kind: dataclasses.replace(FREE, resize=kind, height=256, width=320) for kind in ("stretch", "letterbox")}
RECOGNIZER = RecognizerCard("r", "s", "l", "0", height=48, decoder="ctc", characters=("a",))


@pytest.fixture
def module(monkeypatch):
    """The module under test, which imports what only Triton's stub has."""
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", ModuleType("triton_python_backend_utils"))
    for name in ("ocdrnet_triton.front_end", "ocdrnet_triton.requests"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("ocdrnet_triton.front_end")


@pytest.fixture(params=["numpy", "stand-in"])
def front_end(request, module):
    return module.ArrayFrontEnd(np if request.param == "numpy" else cupy_stand_in, None)


@pytest.fixture
def picture():
    random = np.random.default_rng(0)
    rough = Image.fromarray(random.integers(0, 256, (40, 60, 3), np.uint8))
    return rough.resize((601, 401), Image.Resampling.BICUBIC)


def on_device(front_end, pixels):
    return front_end.placed(DecodedImage(pixels, 1)).pixels


def refuse_other_decoder(*_):
    raise AssertionError("the CPU's decoder was asked")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_decoded_by_nvimagecodec_and_upright(module, front_end, picture, monkeypatch, orientation):
    data = encode(picture, "JPEG", exif=exif(orientation))
    expected = decode_image(data, LIMITS)
    monkeypatch.setattr(module, "decode_image", refuse_other_decoder)
    decoded = front_end.decode_image(data, LIMITS)
    assert decoded.frames == 1
    assert decoded.pixels.flags.c_contiguous
    np.testing.assert_array_equal(front_end._host(decoded.pixels), expected.pixels)


@pytest.mark.parametrize(
    "options", [{"subsampling": 0}, {"subsampling": 1}, {"subsampling": 2}, {"progressive": True}, {"quality": 20}]
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_kinds_of_jpeg_give_the_same_pixels(module, front_end, picture, monkeypatch, mode, options):
    data = encode(picture.convert(mode), "JPEG", **options)
    expected = decode_image(data, LIMITS)
    monkeypatch.setattr(module, "decode_image", refuse_other_decoder)
    np.testing.assert_array_equal(front_end._host(front_end.decode_image(data, LIMITS).pixels), expected.pixels)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF", "CMYK"])
def test_what_nvimagecodec_is_not_asked_for_is_decoded_as_ever(front_end, picture, kind, monkeypatch):
    monkeypatch.setattr(front_end, "_decoder", None)
    data = encode(picture.convert("CMYK"), "JPEG") if kind == "CMYK" else encode(picture, kind)
    decoded, expected = front_end.decode_image(data, LIMITS), decode_image(data, LIMITS)
    assert decoded.frames == expected.frames
    np.testing.assert_array_equal(front_end._host(decoded.pixels), expected.pixels)


def test_what_is_refused_is_refused_with_the_same_words(front_end, picture):
    jpeg = encode(picture, "JPEG")
    files = [b"", b"abc", jpeg[:5000], jpeg[:20], jpeg[:400] + bytes(5000) + jpeg[-2:], encode(picture, "PNG")[:5000]]
    for data in files:
        outcomes = []
        for decode in (decode_image, front_end.decode_image):
            try:
                outcomes.append(np.asarray(decode(data, LIMITS).pixels).tobytes())
            except ImageError as error:
                outcomes.append((type(error), str(error)))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("limits", [ImageLimits(max_pixels=200_000), ImageLimits(max_bytes=1000)])
def test_limits_hold_before_nvimagecodec_sees_a_file(front_end, picture, limits, monkeypatch):
    monkeypatch.setattr(front_end, "_decoder", None)
    data = encode(picture, "JPEG")
    with pytest.raises(ImageError) as mine:
        front_end.decode_image(data, limits)
    with pytest.raises(ImageError) as other:
        decode_image(data, limits)
    assert str(mine.value) == str(other.value)


@pytest.mark.full
@pytest.mark.parametrize("card", [FREE, *FIXED.values()], ids=["free", *FIXED])
@pytest.mark.parametrize("tiling", ["off", "auto", "on"])
@pytest.mark.parametrize("drawn", ["photo", "page", "large"])
def test_the_detector_sees_the_same(front_end, picture, card, tiling, drawn):
    if drawn == "page":
        pixels = np.full((2000, 1600, 3), 250, np.uint8)
        pixels[300:500, 200:700] = np.asarray(picture.resize((500, 200)))
    else:
        pixels = np.asarray(picture.resize((2600, 1400) if drawn == "large" else picture.size))
    expected = detector_tiles(pixels, card, None, tiling, 8)
    seen = front_end.detector_tiles(on_device(front_end, pixels), card, None, tiling, 8)
    np.testing.assert_array_equal(seen.map_transforms, expected.map_transforms)
    assert seen.tiles.shape == expected.tiles.shape
    assert seen.tiles.flags.c_contiguous
    assert np.abs(front_end._host(seen.tiles).astype(int) - expected.tiles).max() <= 1


def test_an_image_that_is_shown_whole_is_scaled_where_it_lies(module, front_end, picture, monkeypatch):
    monkeypatch.setattr(module, "detector_tiles", refuse_other_decoder)
    pixels = on_device(front_end, np.asarray(picture))
    assert front_end.detector_tiles(pixels, FREE, None, "auto", 8).tiles.shape == (1, 736, 1088, 3)
    assert front_end.detector_tiles(pixels, FREE, 320, "auto", 8).tiles.shape == (1, 320, 480, 3)


def test_bad_options_are_refused_alike(front_end, picture):
    pixels = on_device(front_end, np.asarray(picture))
    with pytest.raises(OptionError, match="tiling is on"):
        front_end.detector_tiles(pixels, FREE, None, "on", 1)
    with pytest.raises(OptionError, match="detector_side is 320"):
        front_end.detector_tiles(pixels, FIXED["stretch"], 320, "auto", 8)


def arguments(kind, **parameters):
    config = {"parameters": {name: {"string_value": value} for name, value in parameters.items()}}
    return {
        "model_config": json.dumps(config),
        "model_name": "text_crop",
        "model_instance_kind": kind,
        "model_instance_device_id": "0",
    }


def test_the_default_is_opencv(module):
    assert isinstance(module.open_front_end(arguments("CPU")), module.OpenCvFrontEnd)
    assert isinstance(module.open_front_end(arguments("CPU", front_end="cpu")), module.OpenCvFrontEnd)


def test_without_a_gpu_it_works_on_cpu_tensors_and_says_so(module, capsys):
    opened = module.open_front_end(arguments("CPU", front_end="gpu"))
    assert isinstance(opened, module.ArrayFrontEnd)
    assert "text_crop: the front end on the GPU has no GPU here: it works on CPU tensors" in capsys.readouterr().err
    pixels = np.zeros((2, 2, 3), np.uint8)
    assert opened.handed_on(pixels) is pixels


@pytest.mark.parametrize(("kind", "missing"), [("GPU", "cupy"), ("CPU", "nvidia.nvimgcodec")])
def test_a_package_that_is_missing_is_named_with_what_installs_it(module, monkeypatch, kind, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(RuntimeError, match=rf"{missing}.*pip install 'ocdrnet\[gpu-front-end\]'"):
        module.open_front_end(arguments(kind, front_end="gpu"))


def test_arrays_of_a_gpu_are_handed_on_by_dlpack(module):
    front_end = module.ArrayFrontEnd(cupy_stand_in, None)
    requests = sys.modules["ocdrnet_triton.requests"]
    given = []

    class Tensor:
        @staticmethod
        def from_dlpack(name, array):
            given.append((name, array))

    requests.pb_utils.Tensor = Tensor
    handed = front_end.handed_on(cupy_stand_in.asarray(np.arange(12)).reshape(3, 4).T)
    requests._tensor("CROPS", handed)
    ((name, array),) = given
    assert name == "CROPS"
    assert isinstance(array, cupy_stand_in.DeviceArray)
    assert array.flags.c_contiguous


@pytest.mark.parametrize("is_cpu", [True, False])
def test_an_input_comes_to_the_device_wherever_it_lies(module, is_cpu):
    """Triton says only with the request where a tensor is."""
    requests = sys.modules["ocdrnet_triton.requests"]
    values = np.arange(6, dtype=np.float32)

    class Given:
        def is_cpu(self):
            return is_cpu

        def as_numpy(self):
            assert is_cpu, "Tensor is stored in GPU and cannot be converted to NumPy."
            return values

    requests.pb_utils.get_input_tensor_by_name = lambda request, name: Given()
    library = ModuleType("library")
    library.asarray, library.asnumpy = cupy_stand_in.asarray, cupy_stand_in.asnumpy
    library.from_dlpack = lambda given: cupy_stand_in.asarray(values)
    found = requests.array_tensor(None, "BOXES", library)
    np.testing.assert_array_equal(cupy_stand_in.asnumpy(found), values)
    front_end = module.ArrayFrontEnd(library, None)
    assert type(front_end.host_tensor(None, "BOXES")) is np.ndarray
