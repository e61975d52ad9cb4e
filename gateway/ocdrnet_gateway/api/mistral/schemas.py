"""Requests and answers of Mistral OCR, as the client `mistralai` 3.7 has them; and its errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field, field_validator, model_validator

from ocdrnet_gateway.api.nim.schemas import MODEL, FieldError, InvalidBody

_PART = re.compile(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*)?")
_LAST_PAGE = 9_999_999
_LONGEST_PAGES = 4096


class ImageAddress(BaseModel):
    """`image_url` in its long form."""

    url: str


class OcrDocument(BaseModel):
    """What is to be read: one of the three."""

    type: Literal["document_url", "image_url", "file"] | None = Field(
        default=None, description="not needed: the field that is there says it"
    )
    document_url: str | None = Field(
        default=None, description="data:...;base64, or the URL of a file; or one of a host"
    )
    image_url: str | ImageAddress | None = Field(default=None, description="likewise")
    file_id: str | None = Field(default=None, description="of POST /v1/files")
    document_name: str | None = None

    @model_validator(mode="after")
    def _check_one(self) -> OcrDocument:
        given = [name for name in ("document_url", "image_url", "file_id") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of document_url, image_url and file_id; there are {len(given)} of them")
        return self

    @property
    def address(self) -> str | None:
        """The URL; None: it is a file's id."""
        return self.image_url.url if isinstance(self.image_url, ImageAddress) else self.image_url or self.document_url


class OcrRequest(BaseModel):
    """A document to read."""

    model: str | None = Field(default=None, max_length=200, description="mistral-ocr-..., or ocdrnet")
    document: OcrDocument
    pages: (
        Annotated[str, Field(max_length=_LONGEST_PAGES)] | list[Annotated[int, Field(ge=0, le=_LAST_PAGE)]] | None
    ) = Field(default=None, description="from 0: a list, or such as 0,2-4; all by default")
    include_image_base64: bool | None = Field(default=None, description="no images are cut out: `images` is empty")
    table_format: str | None = Field(default=None, description="refused: tables stand in the Markdown")
    bbox_annotation_format: Any = Field(default=None, description="refused")
    document_annotation_format: Any = Field(default=None, description="refused")
    document_annotation_prompt: str | None = Field(default=None, description="refused")
    include_blocks: bool | None = None
    confidence_scores_granularity: Literal["word", "page", "block"] | None = None

    @field_validator("table_format", "bbox_annotation_format", "document_annotation_format")
    @classmethod
    def _refuse_format(cls, value: object) -> object:
        if value is not None:
            raise ValueError("this server has no such output; leave it out (tables stand in the Markdown)")
        return value

    @field_validator("document_annotation_prompt")
    @classmethod
    def _refuse_prompt(cls, value: object) -> object:
        if value:
            raise ValueError("this server answers no prompts; leave it out")
        return value

    @field_validator("pages")
    @classmethod
    def _check_pages(cls, pages: str | list[int] | None) -> str | list[int] | None:
        for part in pages.split(",") if isinstance(pages, str) and pages.strip() else ():
            found = _PART.fullmatch(part)
            if not found or (found[2] and int(found[2]) < int(found[1])):
                raise ValueError(f"{part[:40]!r} is no page and no range such as 2-4; pages count from 0")
        if isinstance(pages, list) and not pages:
            raise ValueError("the list is empty; leave it out to read all pages")
        return pages

    @property
    def pages_from_one(self) -> str:
        """As `DocumentChoice.pages` has them; empty: all."""
        parts = [str(page) for page in self.pages] if isinstance(self.pages, list) else (self.pages or "").split(",")
        found = [match for match in map(_PART.fullmatch, parts) if match]
        return ",".join("-".join(str(int(end) + 1) for end in match.groups() if end) for match in found)


class Dimensions(BaseModel):
    """Of the image of a page, in whose pixels all boxes are."""

    dpi: int = Field(description="pixels per inch; 72 where an image does not say it")
    height: int
    width: int


class WordConfidence(BaseModel):
    """How sure the recognizer is of a word."""

    text: str
    confidence: float
    start_index: int = Field(description="where in the Markdown the word was found")


class PageConfidence(BaseModel):
    """How sure the recognizer is of a page: over its words."""

    average_page_confidence_score: float
    minimum_page_confidence_score: float
    word_confidence_scores: list[WordConfidence] | None = None


class BlockConfidence(BaseModel):
    """How sure the recognizer is of a block: over its words."""

    average_content_confidence_score: float
    minimum_content_confidence_score: float


class Block(BaseModel):
    """A paragraph."""

    type: Literal["text"] = "text"
    top_left_x: int
    top_left_y: int
    bottom_right_x: int
    bottom_right_y: int
    content: str
    confidence_scores: BlockConfidence | None = None


class OcrPage(BaseModel):
    """One page."""

    index: int = Field(description="from 0")
    markdown: str
    images: list[Any] = Field(default=[], description="always empty: none are cut out")
    dimensions: Dimensions
    tables: list[Any] = Field(default=[], description="always empty: tables stand in the Markdown")
    hyperlinks: list[str] = Field(default=[], description="always empty")
    header: None = Field(default=None, description="always null: it stands in the Markdown")
    footer: None = Field(default=None, description="likewise")
    blocks: list[Block] | None = None
    confidence_scores: PageConfidence | None = None


class UsageInfo(BaseModel):
    """What was read."""

    pages_processed: int
    doc_size_bytes: int


class OcrAnswer(BaseModel):
    """All pages."""

    pages: list[OcrPage]
    model: str = MODEL
    document_annotation: None = None
    usage_info: UsageInfo


class File(BaseModel):
    """One uploaded file."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int = Field(description="seconds since 1970")
    filename: str
    purpose: Literal["ocr"] = "ocr"
    sample_type: Literal["ocr_input"] = "ocr_input"
    source: Literal["upload"] = "upload"
    mimetype: str | None = None
    expires_at: int = Field(description="seconds since 1970 from which on it is gone")
    deleted: Literal[False] = False


class FileList(BaseModel):
    """The caller's files."""

    object: Literal["list"] = "list"
    data: list[File]
    total: int


class DeletedFile(BaseModel):
    """A file is gone."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class SignedUrl(BaseModel):
    """Leads to a file without a key."""

    url: str


class MistralError(BaseModel):
    """An error: what was wrong, or for 422 which field, and the sentence as `message`."""

    detail: str | list[FieldError]
    message: str | None = None


def mistral_error(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as Mistral's clients expect it."""
    if status == 422:
        invalid = InvalidBody(detail=[FieldError(type="value_error", loc=["body"], msg=detail)])
        # LibreChat prints `detail` as a string, and a list as "[object Object]"; it appends `message`.
        body = {**invalid.model_dump(), "message": detail}
    else:
        body = {"detail": detail}
    return JSONResponse(body, status, dict(headers or {}))
