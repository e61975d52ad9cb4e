"""Recognizers, and several together, on the same boxes: accuracy on photos and receipts, and CPU time of reading.

    python -m benchmarks.recognizers ppocrv6-small ppocrv4-mobile ppocrv6-small+ppocrv4-mobile

A name is one of the catalog, or an ONNX file whose card, if it needs one, lies beside it with the ending `.json`; names
joined by `+` read together, as `models build --recognizer A --recognizer B`. The default detector finds the boxes once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.image_sets import FOLDERS
from benchmarks.in_process import COLUMNS, LIMITS, MAX_TILES, RECOGNIZED, Array
from benchmarks.report import Cell, Table
from ocdrnet_deploy.catalog.catalog import DEFAULT
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer, prepare_detector, prepare_recognizer
from ocdrnet_evaluation.datasets import LAYOUTS, Case, Region, load_dataset
from ocdrnet_evaluation.figures import ImageResult, summarize
from ocdrnet_evaluation.scoring import score_regions
from ocdrnet_ops.answer.lines import Candidates, FlippedReading, Lines, RecognizerOutput, decode_lines
from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.detection.closer_look import Detector
from ocdrnet_ops.detection.dbnet import Detections, dbnet_settings
from ocdrnet_ops.detection.detect import detect_text
from ocdrnet_ops.detection.tiles import detector_tiles
from ocdrnet_ops.geometry.crop import WIDTH_STEP, Crops, crop_lines
from ocdrnet_ops.image.decode import decode_image
from ocdrnet_ops.recognition.crossing import run_down
from ocdrnet_ops.recognition.line_flip import lines_to_turn, score_readings, turn_crops
from ocdrnet_ops.recognition.several import join_cards
from ocdrnet_triton.engines.base import Placement
from ocdrnet_triton.engines.openvino import OpenVinoNetwork
from ocdrnet_triton.engines.recognizer import CharsetRecognizer
from ocdrnet_triton.engines.several import SeveralRecognizers

SETS = {"photos": "icdar2015", "receipts": "sroie"}
HEADER = ("recognizer", "images", "detection", "end to end", "word F1", "unreadable", "CPU ms an image")
PLACEMENT = Placement(0, 1)


@dataclass
class Reader:
    """One recognizer, or several.

    Attributes:
        name: as on the command line.
        card: of it, shared by several.
        ask: the step.
        cpu_s: of this process, in `ask`.
        unreadable: regions that it told of.
        results: of each image.
    """

    name: str
    card: RecognizerCard
    ask: CharsetRecognizer | SeveralRecognizers
    cpu_s: float = 0.0
    unreadable: int = 0
    results: list[ImageResult] = field(default_factory=list)

    def read(self, crops: Crops) -> RecognizerOutput:
        """Read crops twice, and count the second time: the first one prepares the engine for their shapes."""
        self.ask([crops.pixels], [crops.widths[:, 0]], [None])
        started = time.process_time()
        answer = self.ask([crops.pixels], [crops.widths[:, 0]], [None])[0]
        self.cpu_s += time.process_time() - started
        return RecognizerOutput(answer["output_id"], answer["output_prob"])


def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[DEFAULT], metavar="NAME[+NAME]")
    parser.add_argument("--limit", type=int, help="images of each set at most")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        detector = prepare_detector(DEFAULT)
        find = _finder(detector, Path(folder))
        for name, layout in SETS.items():
            readers = list(_readers(chosen.names, Path(folder)))
            images = FOLDERS[name]
            cases = load_dataset(LAYOUTS[layout], images, images.parent / "truth").cases[: chosen.limit]
            for case in cases:
                _read(case, find, readers, words=name == "photos")
            print(Table(name, HEADER, tuple(_row(reader) for reader in readers)).markdown(), flush=True)


def _row(reader: Reader) -> tuple[Cell, ...]:
    figures = summarize(reader.results)
    return (
        reader.name,
        figures["images"],
        figures["detection"]["hmean"],
        figures["end_to_end"]["hmean"],
        figures["bag_of_words"]["f1"],
        reader.unreadable,
        round(1000 * reader.cpu_s / max(1, len(reader.results)), 1),
    )


def _saved(network: PreparedDetector | PreparedRecognizer, path: Path) -> Path:
    path.write_bytes(network.model.SerializeToString())
    return path


def _readers(names: Sequence[str], folder: Path) -> Iterator[Reader]:
    """Each combination; a network that is in several is loaded once."""
    single: dict[str, tuple[CharsetRecognizer, RecognizerCard]] = {}
    for name in dict.fromkeys(part for joined in names for part in joined.split("+")):
        beside = Path(name).with_suffix(".json")
        prepared = prepare_recognizer(name, card_file=beside if name.endswith(".onnx") and beside.is_file() else None)
        network = OpenVinoNetwork(_saved(prepared, folder / f"{len(single)}.onnx"), RECOGNIZED, PLACEMENT)
        single[name] = CharsetRecognizer(network, None, prepared.card, COLUMNS), prepared.card
    for joined in names:
        parts = [single[name] for name in joined.split("+")]
        card = join_cards([own for _, own in parts])
        yield Reader(
            joined, card, parts[0][0] if len(parts) == 1 else SeveralRecognizers([one for one, _ in parts], card)
        )


Find = Callable[[Array], Detections]


def _finder(prepared: PreparedDetector, folder: Path) -> Find:
    network = OpenVinoNetwork(_saved(prepared, folder / "d.onnx"), ["pred"], PLACEMENT)
    settings = dbnet_settings(prepared.card, {})

    def maps_of(tiles: Array) -> Array:
        return np.concatenate([answer["pred"][:, 0] for answer in network.run(tile[None] for tile in tiles)])

    def find(pixels: Array) -> Detections:
        seen = detector_tiles(pixels, prepared.card, None, "auto", MAX_TILES)
        size = (pixels.shape[1], pixels.shape[0])
        return detect_text(
            seen, maps_of(seen.tiles), size, settings, "auto", Detector(prepared.card, maps_of, MAX_TILES)
        )

    return find


def _read(case: Case, find: Find, readers: Sequence[Reader], words: bool) -> None:
    """Read one image by each reader, on the same boxes."""
    pixels = decode_image(case.image.read_bytes(), LIMITS).pixels
    found = find(pixels)
    for reader in readers:
        lines = _lines(pixels, found, reader)
        reader.unreadable += lines.unreadable
        texts, boxes = (lines.word_texts, lines.word_boxes) if words else (lines.texts, lines.boxes)
        regions = tuple(
            Region(text, tuple((x, y) for x, y in box)) for text, box in zip(texts, boxes.tolist(), strict=True)
        )
        reader.results.append(ImageResult(case.name, case.image, score_regions(case.regions, regions)))


def _lines(pixels: Array, found: Detections, reader: Reader) -> Lines:
    """As `text_crop`, `ocrnet`, `text_turn` and `text_decode` read it with default options."""
    card, crops, count = reader.card, crop_lines(pixels, found.boxes, reader.card), len(found.boxes)
    widths, first = crops.widths[:count, 0], reader.read(crops)
    rated = score_readings(first.ids[:count], first.probabilities[:count], widths, card)
    turned = lines_to_turn(rated, widths, run_down(found.boxes), "auto")
    if len(turned):
        again = Crops(turn_crops(crops.pixels[turned], widths[turned]), crops.widths[turned])
    else:
        again = Crops(crops.pixels[:1, :, :WIDTH_STEP], np.zeros((1, 1), np.int32))
    second = reader.read(again)
    return decode_lines(
        Candidates(found.boxes, found.scores, crops.widths[:, 0]),
        first,
        FlippedReading(second.ids, second.probabilities, turned),
        (pixels.shape[1], pixels.shape[0]),
        card,
        card.min_text_score,
    )


if __name__ == "__main__":
    main()
