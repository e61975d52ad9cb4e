"""Files through docling's own pipeline, run by an interpreter that has docling: `python docling_reader.py SETTINGS`.

SETTINGS is JSON: `engine` is `kserve` or `rapidocr`, `options` those of docling's class for it, `files` paths of images
and PDFs, and `rounds` how often each is read (1 when left out). For each file in each round one line of JSON tells its
status, errors, texts with their boxes, Markdown, seconds, and CPU seconds of this process.

docling's networks for layout and tables are not in its packages, and nothing is downloaded here. So a stand-in finds
the regions of a page, by blank rows between them, and tables are off; page images, the choice of regions to read, the
reader, the merging with a PDF's own text and the document are docling's. PyTorch, of gigabytes, is not installed:
without those networks docling needs it only to look for a GPU, and to import the tables' networks.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rapidocr
from docling.backend.docling_parse_backend import DoclingParseDocumentBackend
from docling.backend.image_backend import ImageDocumentBackend
from docling.datamodel.base_models import Cluster, InputFormat, LayoutPrediction
from docling.datamodel.document import InputDocument
from docling.datamodel.pipeline_options import (
    BaseLayoutOptions,
    KserveV2OcrOptions,
    RapidOcrOptions,
    ThreadedPdfPipelineOptions,
)
from docling.models.base_layout_model import BaseLayoutModel
from docling.models.factories import get_layout_factory
from docling.models.factories.table_factory import TableStructureFactory
from docling.models.stages.ocr import rapid_ocr_model
from docling.models.stages.table_structure.table_structure_model import TableStructureModel
from docling.pipeline import standard_pdf_pipeline
from docling_core.types.doc import BoundingBox, DocItemLabel

BLANK_POINTS = 8  # rows without ink between two regions, at 72 dpi


class BlankRowsOptions(BaseLayoutOptions):  # type: ignore[misc]
    """Of `BlankRows`."""

    kind = "blank-rows"


class BlankRows(BaseLayoutModel):  # type: ignore[misc]
    """A layout stage: regions of text with blank rows between them, each over the page's whole width."""

    def __init__(self, **_: object) -> None:
        """Takes what docling hands to any layout stage."""

    @classmethod
    def get_options_type(cls) -> type[BlankRowsOptions]:
        """By which docling's factory finds this class."""
        return BlankRowsOptions

    def predict_layout(self, conv_res: object, pages: Sequence[Any]) -> list[LayoutPrediction]:
        """The regions of each page."""
        return [
            LayoutPrediction(clusters=regions(np.asarray(page.get_image(scale=1.0).convert("L")))) for page in pages
        ]


def regions(gray: npt.NDArray[np.uint8]) -> list[Cluster]:
    """Clusters of text of a page at 72 dpi; the page where it has no blank rows."""
    rows = np.flatnonzero(np.ptp(gray, axis=1) > 60)
    stretches = np.split(rows, np.flatnonzero(np.diff(rows) > BLANK_POINTS) + 1) if len(rows) else []
    bands = [(max(0, int(rows[0]) - 4), min(len(gray), int(rows[-1]) + 5)) for rows in stretches]
    return [
        Cluster(
            id=number, label=DocItemLabel.TEXT, bbox=BoundingBox(l=0, t=top, r=gray.shape[1], b=bottom), confidence=1
        )
        for number, (top, bottom) in enumerate(bands or [(0, len(gray))])
    ]


def ocr_options(engine: str, options: Mapping[str, Any]) -> KserveV2OcrOptions | RapidOcrOptions:
    """Docling's options; RapidOCR has the networks of its package, which docling would download elsewhere."""
    if engine == "kserve":
        return KserveV2OcrOptions(**options)
    folder = Path(rapidocr.__file__).parent / "models"
    return RapidOcrOptions(
        det_model_path=str(folder / "PP-OCRv6_det_small.onnx"),
        rec_model_path=str(folder / "PP-OCRv6_rec_small.onnx"),
        cls_model_path=str(folder / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
        **options,
    )


def main() -> None:
    """Read the files, in turn, as often as is wanted."""
    settings = json.loads(sys.argv[1])
    get_layout_factory(allow_external_plugins=False).register(BlankRows, "blank-rows", __name__)
    tables = TableStructureFactory()
    tables.register(TableStructureModel, "docling", __name__)
    standard_pdf_pipeline.get_table_structure_factory = lambda **_: tables
    rapid_ocr_model.decide_device = lambda *_, **__: "cpu"
    pipeline = standard_pdf_pipeline.StandardPdfPipeline(
        ThreadedPdfPipelineOptions(
            do_table_structure=False,
            generate_parsed_pages=True,
            enable_remote_services=True,
            layout_options=BlankRowsOptions(),
            ocr_options=ocr_options(settings["engine"], settings["options"]),
        )
    )
    for _ in range(settings.get("rounds", 1)):
        for file in map(Path, settings["files"]):
            print(json.dumps(read(pipeline, file)), flush=True)


def read(pipeline: Any, file: Path) -> dict[str, Any]:  # noqa: ANN401 - docling has no types here
    """What docling made of a file."""
    is_pdf = file.suffix == ".pdf"
    kind = InputFormat.PDF if is_pdf else InputFormat.IMAGE
    start, used = time.perf_counter(), time.process_time()
    document = InputDocument(file, kind, DoclingParseDocumentBackend if is_pdf else ImageDocumentBackend)
    result = pipeline.execute(document, raises_on_error=False)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - used
    cells = [cell for page in result.pages for cell in page.cells]
    return {
        "file": file.name,
        "status": result.status.value,
        "errors": [error.error_message for error in result.errors],
        "texts": [
            {
                "text": cell.text,
                "score": cell.confidence,
                "ocr": cell.from_ocr,
                "box": cell.rect.to_bounding_box().as_tuple(),
            }
            for cell in cells
        ],
        "markdown": result.document.export_to_markdown(),
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
    }


if __name__ == "__main__":
    main()
