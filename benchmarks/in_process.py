"""The served pipeline's steps in one process, so that each can be timed alone on what it really gets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ocdrnet_deploy.repository.profile import cpu_profile
from ocdrnet_ops.answer.lines import Candidates, FlippedReading, Lines, RecognizerOutput, decode_lines
from ocdrnet_ops.cards import DetectorCard, RecognizerCard, read_detector_card, read_recognizer_card
from ocdrnet_ops.detection.closer_look import Detector
from ocdrnet_ops.detection.dbnet import DbnetSettings, Detections, dbnet_settings
from ocdrnet_ops.detection.detect import detect_text
from ocdrnet_ops.detection.tiles import detector_tiles
from ocdrnet_ops.geometry.crop import WIDTH_STEP, Crops, crop_lines
from ocdrnet_ops.image.decode import ImageLimits, decode_image
from ocdrnet_ops.image.resize import DetectorInput
from ocdrnet_ops.options import CHARACTERS, MIN_TEXT_SCORE, TILING, UPSIDE_DOWN, Options, choice, number
from ocdrnet_ops.recognition.crossing import run_down
from ocdrnet_ops.recognition.line_flip import ReadingScores, lines_to_turn, score_readings, turn_crops
from ocdrnet_triton.engines.base import Network, Placement
from ocdrnet_triton.engines.openvino import OpenVinoNetwork
from ocdrnet_triton.engines.recognizer import recognize

Array = npt.NDArray[Any]
Find = Callable[[DetectorInput, Array, tuple[int, int], DbnetSettings, str, Detector], Detections]
LIMITS = ImageLimits()
MAX_TILES = 64  # as in image_preprocess/config.pbtxt
COLUMNS = cpu_profile("balanced", 1).recognizer_columns
RECOGNIZED = ("output_id", "output_prob")


class Recorder:
    """A network that remembers what it was asked: exactly what the engine gets in the served pipeline."""

    def __init__(self, network: Network) -> None:
        """Wrap a network."""
        self._network = network
        self.inputs: list[npt.NDArray[np.uint8]] = []

    def run(
        self, inputs: Iterable[npt.NDArray[np.uint8]], more: Mapping[str, Array] | None = None
    ) -> list[dict[str, Array]]:
        """As the network's own."""
        asked = list(inputs)
        self.inputs += asked
        return self._network.run(asked, more)


@dataclass(frozen=True)
class Pair:
    """The two networks of a served repository, with their cards."""

    detector: Recorder
    detector_card: DetectorCard
    recognizer: Recorder
    recognizer_card: RecognizerCard


@dataclass(frozen=True)
class Trace:
    """Everything that flows between the steps for one image."""

    encoded: bytes
    pixels: npt.NDArray[np.uint8]
    seen: DetectorInput
    maps: npt.NDArray[np.uint8]
    settings: DbnetSettings
    found: Detections
    crops: Crops
    first: RecognizerOutput
    rated: ReadingScores
    turned_crops: Crops
    second: FlippedReading
    lines: Lines

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height of the original in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def candidates(self) -> Candidates:
        """The crops' outlines, as `text_decode` gets them."""
        return Candidates(self.found.boxes, self.found.scores, self.crops.widths[:, 0])


def open_pair(repository: Path, streams: int = 1) -> Pair:
    """Load the networks that a served repository for the CPU holds.

    Args:
        repository: made by `ocdrnet models build`.
        streams: of each network.
    """
    detector, recognizer = repository / "ocdnet" / "1", repository / "ocrnet" / "1"
    map_transform = Placement(0, streams)
    return Pair(
        Recorder(OpenVinoNetwork(detector / "model.onnx", ["pred"], map_transform)),
        read_detector_card(detector / "card.json"),
        Recorder(OpenVinoNetwork(recognizer / "model.onnx", RECOGNIZED, map_transform)),
        read_recognizer_card(recognizer / "card.json"),
    )


def read_in_process(encoded: bytes, pair: Pair, find: Find = detect_text) -> Trace:
    """Read one image with default options, as the ensemble does.

    Args:
        encoded: the image file.
        pair: the networks.
        find: probability maps -> boxes; `detect_text`, or another with its arguments.
    """
    return read_pixels(decode_image(encoded, LIMITS).pixels, pair, find, encoded=encoded)


def read_pixels(
    pixels: npt.NDArray[np.uint8],
    pair: Pair,
    find: Find = detect_text,
    options: Options | None = None,
    max_tiles: int = MAX_TILES,
    encoded: bytes = b"",
) -> Trace:
    """Read one image, as the ensemble's steps after its decoding do.

    Args:
        pixels: uint8 [H, W, 3], BGR.
        pair: the networks.
        find: as of `read_in_process`.
        options: of the request, all but `charset` and `merge`.
        max_tiles: images that the detector takes at once.
        encoded: the image file, kept for the trace.

    Raises:
        OptionError: an option does not go with the networks.
    """
    chosen, detector_card, card = options or {}, pair.detector_card, pair.recognizer_card
    side = cast("int | None", chosen.get("detector_side"))
    settings = dbnet_settings(detector_card, chosen)
    seen = detector_tiles(pixels, detector_card, side, choice(chosen, TILING), max_tiles)
    upside_down = choice(chosen, UPSIDE_DOWN)
    detector = Detector(detector_card, lambda tiles: _maps(pair.detector, tiles), max_tiles)
    maps, size = detector.maps_of(seen.tiles), (pixels.shape[1], pixels.shape[0])
    found = find(seen, maps, size, settings, upside_down, detector)
    crops = crop_lines(pixels, found.boxes, card)
    first = _read(crops, pair)
    count = len(found.boxes)
    widths = crops.widths[:count, 0]
    rated = score_readings(first.ids[:count], first.probabilities[:count], widths, card)
    turned = lines_to_turn(rated, widths, run_down(found.boxes), upside_down)
    again = _turned(crops, turned, card)
    reading = _read(again, pair)
    second = FlippedReading(reading.ids, reading.probabilities, turned)
    candidates = Candidates(found.boxes, found.scores, crops.widths[:, 0])
    least, characters = number(chosen, MIN_TEXT_SCORE, card.min_text_score), choice(chosen, CHARACTERS) == "on"
    lines = decode_lines(candidates, first, second, size, card, least, characters=characters)
    return Trace(encoded, pixels, seen, maps, settings, found, crops, first, rated, again, second, lines)


def _maps(network: Network, tiles: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.concatenate([answer["pred"][:, 0] for answer in network.run(tile[None] for tile in tiles)])


def _turned(crops: Crops, turned: npt.NDArray[np.int32], card: RecognizerCard) -> Crops:
    if not len(turned):
        return Crops(crops.pixels[:1, :, : card.width or WIDTH_STEP], np.zeros((1, 1), np.int32))
    return Crops(turn_crops(crops.pixels[turned], crops.widths[turned, 0]), crops.widths[turned])


def _read(crops: Crops, pair: Pair) -> RecognizerOutput:
    answer = recognize(pair.recognizer, [crops.pixels], [crops.widths[:, 0]], pair.recognizer_card, COLUMNS)[0]
    return RecognizerOutput(answer["output_id"], answer["output_prob"])
