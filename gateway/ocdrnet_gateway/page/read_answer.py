"""The answer of `POST /v1/read`, as OpenAPI describes it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from ocdrnet_gateway.page.step_times import StepTimes

Point = tuple[float, float]
Box = tuple[Point, Point, Point, Point]
_BOX = "four corners [x, y] in pixels of the upright picture, clockwise from the text's top-left"


class WordAnswer(BaseModel):
    """One word of a line."""

    text: str
    score: float = Field(description="0 to 1, how sure the recognizer is")
    box: Box = Field(description=_BOX)


class LineAnswer(BaseModel):
    """One line; with `merge` one word or one paragraph."""

    text: str
    score: float = Field(description="0 to 1, how sure the recognizer is of the text")
    box: Box = Field(description=_BOX)
    box_score: float = Field(description="0 to 1, how sure the detector is that text is there")
    words: list[WordAnswer]
    paragraph: int = Field(description="index of the paragraph that the line belongs to")
    polygon: list[Point] | None = Field(None, description="outline of curved text, with geometry=polygon only")


class Timing(BaseModel):
    """Where the time went, in milliseconds."""

    receive_ms: float = Field(description="until the picture had arrived")
    wait_ms: float = Field(description="in the gateway's queue")
    read_ms: float = Field(description="with Triton")
    total_ms: float = Field(description="from the request's arrival to its answer")
    steps: StepTimes | None = Field(None, description="with timing=steps, where Triton tells them")


class PageAnswer(BaseModel):
    """Everything read in one picture, as `ocdrnet read --format json` prints it, and `timing`."""

    image: str | None = Field(description="always null: the picture comes without a name")
    width: int = Field(description="pixels, after the picture was turned upright by its EXIF orientation")
    height: int
    lines: list[LineAnswer] = Field(description="in reading order")
    truncated: bool = Field(description="more text was found than max_candidates; some is missing")
    frames: int = Field(description="frames or pages in the file, of which the first was read")
    timing: Timing
