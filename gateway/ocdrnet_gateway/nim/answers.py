"""Pages in the NIM's form."""

from __future__ import annotations

from collections.abc import Sequence

from ocdrnet_client import Line, Page
from ocdrnet_gateway.nim.bodies import (
    MODEL,
    BoundingBox,
    ImageDetections,
    InferAnswer,
    MergeLevel,
    Point,
    TextDetection,
    TextPrediction,
    Usage,
)

# The NIM says sentence for what the server calls a line.
MERGE: dict[MergeLevel, str] = {"word": "word", "sentence": "line", "paragraph": "paragraph"}
_MEBIBYTE = 1024 * 1024


def infer_answer(pages: Sequence[Page], sizes: Sequence[int]) -> InferAnswer:
    """The answer for pages, read from pictures of so many bytes."""
    return InferAnswer(data=detections(pages), model=MODEL, usage=Usage(images_size_mb=sum(sizes) / _MEBIBYTE))


def detections(pages: Sequence[Page]) -> list[ImageDetections]:
    """What was read in a request's first pictures."""
    return [
        ImageDetections(index=index, text_detections=[_detection(line, page) for line in page.lines])
        for index, page in enumerate(pages)
    ]


def _detection(line: Line, page: Page) -> TextDetection:
    points = [Point(x=_share(x, page.width), y=_share(y, page.height)) for x, y in line.box]
    prediction = TextPrediction(text=line.text, confidence=_bounded(line.score))
    return TextDetection(text_prediction=prediction, bounding_box=BoundingBox(points=points))


def _share(position: float, side: int) -> float:
    # A box of rotated text may reach a little over the picture's edge.
    return _bounded(position / side)


def _bounded(value: float) -> float:
    return min(max(value, 0.0), 1.0)
