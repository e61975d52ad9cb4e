"""The NIM's request and answer, as its API reference has them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from ocdrnet_gateway.settings import MAX_IMAGES

MODEL = "ocdrnet"
MergeLevel = Literal["word", "sentence", "paragraph"]
DEFAULT_LEVEL: MergeLevel = "paragraph"


class ImageUrl(BaseModel):
    """One image."""

    type: Literal["image_url"]
    url: str = Field(description="data:image/png;base64,... ; other URLs are refused, nothing is fetched")


class InferRequest(BaseModel):
    """Images to read."""

    # The first wrong item ends the check: an error for each of a million would be an answer larger than the request.
    input: Annotated[list[ImageUrl], Field(min_length=1, max_length=MAX_IMAGES, fail_fast=True)]
    merge_levels: Annotated[list[MergeLevel], Field(max_length=MAX_IMAGES, fail_fast=True)] | None = Field(
        default=None, description="what one detection holds, one level for each image; paragraph by default"
    )

    @model_validator(mode="after")
    def _check_levels(self) -> InferRequest:
        if self.merge_levels is not None and len(self.merge_levels) != len(self.input):
            raise ValueError(
                f"there are {len(self.merge_levels)} merge_levels for {len(self.input)} images; give one for each"
            )
        return self

    @property
    def levels(self) -> list[MergeLevel]:
        """One for each image."""
        return self.merge_levels or [DEFAULT_LEVEL] * len(self.input)


class Point(BaseModel):
    """A corner."""

    x: float = Field(ge=0, le=1, description="share of the image's width")
    y: float = Field(ge=0, le=1, description="share of the image's height")


class BoundingBox(BaseModel):
    """Four corners, clockwise from the text's top-left."""

    points: Annotated[list[Point], Field(min_length=4, max_length=4)]
    type: Literal["quadrilateral"] = "quadrilateral"


class TextPrediction(BaseModel):
    """What it says."""

    text: str
    confidence: float = Field(ge=0, le=1)


class TextDetection(BaseModel):
    """One word, line or paragraph."""

    text_prediction: TextPrediction
    bounding_box: BoundingBox


class ImageDetections(BaseModel):
    """One image's text."""

    index: int = Field(ge=0, description="of the image in the request")
    text_detections: list[TextDetection]


class Usage(BaseModel):
    """What was sent."""

    images_size_mb: float = Field(ge=0, description="bytes of all images, decoded from base64, over 2**20")


class InferAnswer(BaseModel):
    """All images' text."""

    data: list[ImageDetections]
    model: str
    usage: Usage


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    type: str
    loc: list[str | int]
    msg: str


class InvalidBody(BaseModel):
    """The NIM's 422."""

    detail: list[FieldError]
