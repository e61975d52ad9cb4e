"""Compares each network of the catalog, in every engine and precision, with its original in FP32: writes the table.

`python -m docs.write_precision`; files of your own with `--file detector=PATH`. Minutes, and so no part of `make docs`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from ocdrnet_deploy.catalog.catalog import DEFAULT
from ocdrnet_deploy.catalog.description import Kind
from ocdrnet_deploy.graphs.deform_conv import rewrite_deform_conv
from ocdrnet_deploy.networks.prepare import (
    Engine,
    PreparedDetector,
    PreparedRecognizer,
    prepare_detector,
    prepare_recognizer,
)
from ocdrnet_deploy.precision.agreement import (
    CONFIDENT,
    LEAST_EQUAL,
    MOST_OFF,
    Agreement,
    best_ids,
    compare_ids,
    compare_maps,
)
from ocdrnet_deploy.precision.half import half_precision
from ocdrnet_deploy.precision.trial import SideBySide, drawn_inputs, run_beside_original
from ocdrnet_ops.geometry.crop import crop_lines
from ocdrnet_ops.image.resize import detector_input
from ocdrnet_ops.recognition.decoding import decode_attention, decode_ctc

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/network-precision.md"
Pixels = npt.NDArray[np.uint8]
Prepared = PreparedDetector | PreparedRecognizer


SAMPLES = ("storefront", "receipt")
_HEAD = """\
| network | engine | precision | as the original | texts; pixels on the same side of 0.3 | within the limits |
|---|---|---|---|---|---|
"""
_FILES = """
## Exports of the real architectures

OCDNet and OCRNet as NVIDIA's public training code builds them, with random weights, exported with TAO's arguments. They
are not part of the project. A random network is near a tie far more often than a trained one. Where bfloat16 is not
within the limits, `models build` serves FP32.
"""
_PAGE = """\
# How exact each network is in each engine and precision

Written by `python -m docs.write_precision`, on a CPU with bfloat16 and AMX{engines}.
Every network is compared with its original, the file as it is, in ONNX Runtime in FP32, which gets its planes from
NumPy. The limits are those of `models build` ([what is compared](nvidia-networks.md#2-build-and-serve)): {equal} of the
ids that the original gives {sure} or more, and a map that is off by {off} of 255 on average where there is text.

- *OpenVINO* and *ONNX Runtime* are what `models build --engine cpu` tries, in this order: OpenVINO in bfloat16 where
  the CPU has it, OpenVINO in FP32, ONNX Runtime. A row that is not within the limits is not served, and the next is
  taken.
- *CUDA's graph* and *TensorRT's graph* are what `--engine cuda` and `--engine tensorrt` make of the network. No GPU was
  at hand: ONNX Runtime ran them on the CPU, with ONNX's deformable convolution for TensorRT's plugin. So the place and
  the rounding of FP16 in the graph are tested, a GPU's kernels are not: for those `models build --engine cuda` compares
  on the GPU itself, and `models verify` asks a running server.
- bfloat16 is OpenVINO's alone; FP16 is the GPUs'. The product offers no other pairs.

The networks get the drawn text of `models build`, and lines of `samples/`. NVIDIA's weights are not at hand: a stand-in
has the file's inputs, outputs and spatial transformer, but few layers, and reads an image made for it. A text is the
same if all its ids are, those too that the original is not sure of: to a stand-in drawn text is noise, and a toss.

## The catalog

{catalog}"""


@dataclass(frozen=True)
class Variant:
    """An engine and a precision.

    Attributes:
        title: of the engine.
        precision: as people call it.
        engine: that the graph is made for.
        runtime: that runs it here.
        settings: of the runtime.
    """

    title: str
    precision: str
    engine: Engine
    runtime: str
    settings: dict[str, str] = field(default_factory=dict)


VARIANTS = (
    Variant("OpenVINO", "FP32", "cpu", "openvino", {"precision": "f32"}),
    Variant("OpenVINO", "bfloat16", "cpu", "openvino", {"precision": "bf16"}),
    Variant("ONNX Runtime", "FP32", "cpu", "onnxruntime"),
    Variant("CUDA's graph", "FP32", "cuda", "onnxruntime"),
    Variant("CUDA's graph", "FP16", "cuda", "onnxruntime"),
    Variant("TensorRT's graph", "FP32", "tensorrt", "onnxruntime"),
    Variant("TensorRT's graph", "FP16", "tensorrt", "onnxruntime"),
)


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        agreement: as `models build` judges it; none where the engine was not asked.
        texts: crops that read the same, and all; none of a detector.
        most: largest difference of a map where there is text, in levels of 255; none of a recognizer.
        note: why there is no agreement.
    """

    agreement: Agreement | None
    texts: tuple[int, int] | None = None
    most: float | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.agreement is None:
            return f"| {self.note} | | |"
        found = self.agreement
        verdict = "yes" if found.is_enough else "NO"
        if self.texts is not None:
            return f"| {found.equal:.2%} of {found.compared} ids | {self.texts[0]} of {self.texts[1]} | {verdict} |"
        return (
            f"| {found.off:.2g} of 255, at most {self.most:.0f} | {found.equal:.2%} of {found.compared} | {verdict} |"
        )


class Comparison:
    """Runs networks beside their originals; what was run once is not run again."""

    def __init__(self) -> None:
        self._known: dict[str, SideBySide | str] = {}

    def row(self, kind: Kind, name: str, variant: Variant, *, is_twin: bool = False) -> Row:
        """A network of the catalog, or a file, in one engine and precision."""
        network = _prepared(kind, name, variant)
        if variant.engine == "cpu" and variant.runtime == "openvino" and network.runtime != "openvino":
            return Row(None, note="not asked: OpenVINO computes a deformable convolution otherwise")
        runs = [self._run(network, variant, pixels) for pixels in inputs(network, is_twin=is_twin)]
        if refused := next((run for run in runs if isinstance(run, str)), ""):
            return Row(None, note=f"does not run: {refused}")
        both = [run for run in runs if isinstance(run, SideBySide)]
        return _of_maps(network, both) if isinstance(network, PreparedDetector) else _of_ids(network, both)

    def _run(self, network: Prepared, variant: Variant, pixels: Pixels) -> SideBySide | str:
        settings = {"runtime": variant.runtime, "streams": "1", "threads": "0", **variant.settings}
        asked = f"{settings}".encode() + network.model.SerializeToString(deterministic=True) + pixels.tobytes()
        digest = hashlib.sha256(asked).hexdigest()
        if digest not in self._known:
            self._known[digest] = run_beside_original(network, settings, pixels)
        return self._known[digest]


def _prepared(kind: Kind, name: str, variant: Variant) -> Prepared:
    prepare = prepare_detector if kind == "detector" else prepare_recognizer
    network: Prepared = prepare(name, engine=variant.engine)
    assert network.original is not None
    # TensorRT has a plugin for deformable convolution; ONNX Runtime stands in for it with the standard's operator.
    standard = rewrite_deform_conv(network.original.model)
    model = half_precision(network.model) if variant.precision == "FP16" else network.model
    original = replace(network.original, model=standard)
    return replace(network, model=rewrite_deform_conv(model), original=original)


def inputs(network: Prepared, *, is_twin: bool) -> list[Pixels]:
    """What a network is fed: uint8 [N, h, w, 3] BGR each.

    The drawn text of `models build`; to a stand-in also the image that it can read, to another network lines of the
    samples, and to the default detector those samples.
    """
    if isinstance(network, PreparedDetector):
        of_catalog = network.card.name == DEFAULT
        pictures = [_plates(network)[0]] if is_twin else [_sample(name)[0] for name in SAMPLES if of_catalog]
        seen = [detector_input(picture, network.card).tiles[:1] for picture in pictures]
        return seen if is_twin else [drawn_inputs(network), *seen]
    lines = [_plates(network)] if is_twin else [_sample(name) for name in SAMPLES]
    crops = [drawn_inputs(network), *(crop_lines(*line, network.card).pixels for line in lines)]
    return [np.concatenate(crops)] if network.card.width else crops


def _sample(name: str) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """A sample image, and the boxes of its lines."""
    truth = json.loads((ROOT / f"samples/{name}.json").read_text(encoding="utf-8"))
    picture = cv2.imread(str(ROOT / "samples" / truth["image"]))
    return np.asarray(picture, np.uint8), np.array([line["box"] for line in truth["lines"]], np.float32)


def _plates(network: Prepared) -> tuple[Pixels, npt.NDArray[np.float32]]:
    """The image that a stand-in reads, and the boxes of its lines."""
    from twin_contracts import RECOGNIZERS  # noqa: PLC0415 - of the tests
    from twin_image import draw_image, plate_boxes  # noqa: PLC0415

    version = next((each for each in RECOGNIZERS if each.name == network.card.name), RECOGNIZERS[0])
    return draw_image(version), np.array(plate_boxes(), np.float32)


def _of_maps(network: PreparedDetector, runs: list[SideBySide]) -> Row:
    assert network.original is not None
    served = np.concatenate([run.served["pred"].ravel() for run in runs])
    expected = np.concatenate([next(iter(run.expected.values())).ravel() for run in runs])
    agreement = compare_maps({"pred": expected}, network.original.description, served)
    sharp = expected if network.original.description.answer == "probability-map" else 1 / (1 + np.exp(-expected))
    return Row(agreement, most=float(np.abs(sharp * 255.0 - served).max()))


def _of_ids(network: PreparedRecognizer, runs: list[SideBySide]) -> Row:
    assert network.original is not None
    description = network.original.description
    decode = decode_ctc if network.card.decoder == "ctc" else decode_attention
    found: list[npt.NDArray[Any]] = []
    expected: list[npt.NDArray[Any]] = []
    same = crops = 0
    for run in runs:
        ids, sure = run.served["output_id"], run.served["output_prob"]
        true_ids, true_sure = best_ids(run.expected, description)
        found.append(np.stack([ids.ravel(), sure.ravel()]))
        expected.append(np.stack([true_ids.ravel(), true_sure.ravel()]))
        for a, b in zip(ids, true_ids, strict=True):
            texts = {
                decode(each.astype(np.int32), np.ones(len(each), np.float32), network.card.characters).text
                for each in (a, b)
            }
            same, crops = same + (len(texts) == 1), crops + 1
    joined, true = np.concatenate(found, 1), np.concatenate(expected, 1)
    as_ids = replace(description, answer="ids")
    agreement = compare_ids({"output_id": true[0], "output_prob": true[1]}, as_ids, joined[0], joined[1])
    return Row(agreement, (same, crops))


def table(comparison: Comparison, networks: list[tuple[Kind, str, str]]) -> str:
    """Rows of the networks: kind, how it is called, and the name in the catalog or the path."""
    lines = []
    for kind, title, name in networks:
        for variant in VARIANTS:
            row = comparison.row(kind, name, variant, is_twin=name in _twins())
            lines.append(f"| {kind} {title} | {variant.title} | {variant.precision} {row}")
            print(lines[-1], flush=True)
    return _HEAD + "\n".join(lines) + "\n"


def _twins() -> set[str]:
    from twin_files import MAKERS  # noqa: PLC0415 - of the tests

    return set(MAKERS)


def page(catalogs: str, files: str) -> str:
    """The page in Markdown."""
    versions = f", OpenVINO {version('openvino')}, ONNX Runtime {version('onnxruntime')}"
    return _PAGE.format(
        engines=versions, equal=f"{LEAST_EQUAL:.0%}", off=f"{MOST_OFF:.0f}", sure=CONFIDENT, catalog=catalogs
    ) + (f"{_FILES}\n{files}" if files else "")


def kept_files(text: str) -> str:
    """The table of files that a page holds."""
    return text.partition(f"{_FILES}\n")[2]


def main(arguments: list[str]) -> None:
    """Compare, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", action="append", default=[], metavar="KIND:TITLE=PATH", help="an ONNX file")
    given = parser.parse_args(arguments).file
    files: list[tuple[Kind, str, str]] = []
    for each in given:
        what, _, path = each.partition("=")
        kind, _, title = what.partition(":")
        files.append((cast(Kind, kind), title, path))
    sys.path[:0] = [str(ROOT / "tests/twins")]
    import pytest  # noqa: PLC0415 - its monkeypatch places the stand-ins
    from twin_files import networks_at_hand, place_twins  # noqa: PLC0415 - of the tests

    comparison = Comparison()
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        place_twins(Path(folder), patch)
        entries = [(entry.description.kind, f"`{entry.name}`", entry.name) for entry in networks_at_hand()]
        of_catalog = table(comparison, entries)
        of_files = table(comparison, files) if files else kept_files(text)
    PAGE.write_text(page(of_catalog, of_files), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
