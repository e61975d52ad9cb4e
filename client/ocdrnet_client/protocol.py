"""The `ocdrnet` model's tensors, free of any transport: image to request, tensors to Page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ocdrnet_client.errors import InvalidRequestError, UnexpectedResponseError
from ocdrnet_client.images import ChannelOrder, ImageSource, encoded_image
from ocdrnet_client.results import Character, Line, Page, Word, box_from, points_from
from ocdrnet_client.tracing import trace_headers
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import OptionValue, parse_options

MODEL = "ocdrnet"
INPUT = "IMAGE"
Tensors: TypeAlias = Mapping[str, NDArray[Any]]

# One row of each shape; the count in front of it varies, and is the same within a group.
_LINE_ROWS: dict[str, tuple[int, ...]] = {
    "BOXES": (4, 2),
    "BOX_SCORES": (),
    "TEXTS": (),
    "TEXT_SCORES": (),
    "PARAGRAPHS": (),
}
_WORD_ROWS: dict[str, tuple[int, ...]] = {
    "WORD_BOXES": (4, 2),
    "WORD_TEXTS": (),
    "WORD_SCORES": (),
    "WORD_LINES": (),
}
# Index of the word, start, end, score, code points; no row unless they were asked for.
_CHARACTER_ROWS: dict[str, tuple[int, ...]] = {"CHARACTERS": (5,)}
_PAGE_SIZES = {"IMAGE_SIZE": 2, "FRAMES": 1, "TRUNCATED": 1, "UNREADABLE": 1}
_POLYGONS = "POLYGONS"  # a row for each line, of as many points as the request's geometry has
OUTPUTS = (*_LINE_ROWS, _POLYGONS, *_WORD_ROWS, *_CHARACTER_ROWS, *_PAGE_SIZES)


@dataclass(frozen=True)
class InferRequest:
    """One request to the model.

    Attributes:
        model: its name in the server's repository.
        image: an encoded image.
        parameters: checked options, sent as Triton request parameters.
        request_id: that Triton names in its log and its messages; none if empty.
        trace: headers of the trace that the request belongs to.
    """

    model: str
    image: bytes = field(repr=False)
    parameters: dict[str, OptionValue]
    request_id: str = ""
    trace: Mapping[str, str] = field(default_factory=dict)

    @property
    def tensor(self) -> NDArray[np.uint8]:
        """The image as the model's one input, UINT8 [bytes], without a copy."""
        return np.frombuffer(self.image, dtype=np.uint8)


def build_request(
    image: ImageSource,
    options: Mapping[str, object],
    channel_order: ChannelOrder = "RGB",
    model: str = MODEL,
    request_id: str = "",
) -> InferRequest:
    """Load the image and check the options, so that a mistake costs no round trip.

    Raises:
        InvalidRequestError: the image cannot be read, or an option is unknown or out of range.
    """
    try:
        parameters = parse_options(options)
    except OptionError as error:
        raise InvalidRequestError(str(error)) from error
    return InferRequest(model, encoded_image(image, channel_order), parameters, request_id, trace_headers())


def parse_page(tensors: Tensors, image: str | None = None) -> Page:
    """The model's outputs as a Page.

    Args:
        tensors: all of `OUTPUTS`, BYTES ones as object arrays of `bytes`.
        image: the file's name, for the Page.

    Raises:
        UnexpectedResponseError: an output is missing, or its shape or type does not fit.
    """
    points = _output(tensors, _POLYGONS).shape[1:2]
    line_rows, word_rows = _group(tensors, {**_LINE_ROWS, _POLYGONS: (*points, 2)}), _group(tensors, _WORD_ROWS)
    characters = _group(tensors, _CHARACTER_ROWS)["CHARACTERS"]
    sizes = {name: _shaped(tensors, name, (size,)) for name, size in _PAGE_SIZES.items()}
    width, height = (int(side) for side in sizes["IMAGE_SIZE"])
    return Page(
        width=width,
        height=height,
        lines=_lines(line_rows, _words_by_line(word_rows, characters, len(line_rows["TEXTS"]))),
        truncated=bool(sizes["TRUNCATED"][0]),
        frames=int(sizes["FRAMES"][0]),
        image=image,
        unreadable=int(sizes["UNREADABLE"][0]),
    )


def _lines(rows: Tensors, words: list[list[Word]]) -> tuple[Line, ...]:
    names = ("TEXTS", "TEXT_SCORES", "BOXES", "BOX_SCORES", "PARAGRAPHS", _POLYGONS)
    return tuple(
        Line(
            _decoded(text),
            float(score),
            box_from(box),
            float(box_score),
            tuple(own),
            int(paragraph),
            points_from(polygon) if len(polygon) > len(box) else (),
        )
        for text, score, box, box_score, paragraph, polygon, own in zip(
            *(rows[name] for name in names), words, strict=True
        )
    )


def _words_by_line(rows: Tensors, characters: NDArray[np.float32], lines: int) -> list[list[Word]]:
    words: list[list[Word]] = [[] for _ in range(lines)]
    texts, boxes = [_decoded(text) for text in rows["WORD_TEXTS"]], rows["WORD_BOXES"]
    by_word = _characters_by_word(texts, boxes, characters)
    for text, score, box, line, own in zip(texts, rows["WORD_SCORES"], boxes, rows["WORD_LINES"], by_word, strict=True):
        if not 0 <= line < lines:
            raise UnexpectedResponseError(f"WORD_LINES names line {line}, but there are {lines} lines")
        words[line].append(Word(text, float(score), box_from(box), own))
    return words


def _characters_by_word(
    texts: list[str], boxes: NDArray[np.float32], rows: NDArray[np.float32]
) -> list[tuple[Character, ...]]:
    """Each word's characters, whose rows stand in the order of its text."""
    found: list[list[Character]] = [[] for _ in texts]
    if not len(rows):
        return [()] * len(texts)
    owners = rows[:, 0].astype(int)
    outside = owners[(owners < 0) | (owners >= len(texts))]
    if len(outside):
        raise UnexpectedResponseError(f"CHARACTERS names word {outside[0]}, but there are {len(texts)} words")
    ends = [0] * len(texts)
    columns = (owners, _parts(boxes[owners], rows[:, 1:3]), rows[:, 3], rows[:, 4].astype(int))
    for word, box, score, length in zip(*(column.tolist() for column in columns), strict=True):
        start, ends[word] = ends[word], ends[word] + length
        found[word].append(Character(texts[word][start : ends[word]], score, box_from(box)))
    for text, end in zip(texts, ends, strict=True):
        if end != len(text):
            raise UnexpectedResponseError(f"CHARACTERS has {end} code points of a word that has {len(text)}")
    return [tuple(own) for own in found]


def _parts(boxes: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Parts of boxes, float32 [n, 4, 2], from a share of their width, float32 [n, 2], to another."""
    at = places[:, :, None]
    top = boxes[:, None, 0] + at * (boxes[:, None, 1] - boxes[:, None, 0])
    bottom = boxes[:, None, 3] + at * (boxes[:, None, 2] - boxes[:, None, 3])
    return np.concatenate([top, bottom[:, ::-1]], axis=1)


def _group(tensors: Tensors, rows: dict[str, tuple[int, ...]]) -> Tensors:
    count = _output(tensors, next(iter(rows))).shape[:1]
    return {name: _shaped(tensors, name, (*count, *row)) for name, row in rows.items()}


def _shaped(tensors: Tensors, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    tensor = _output(tensors, name)
    if tensor.shape != shape:
        raise UnexpectedResponseError(f"{name} has shape {list(tensor.shape)}; expected {list(shape)}")
    # tritonclient makes object arrays of BYTES tensors, and of these only.
    if (tensor.dtype.kind == "O") != name.endswith("TEXTS"):
        raise UnexpectedResponseError(f"{name} has type {tensor.dtype}; only TEXTS and WORD_TEXTS are BYTES")
    return tensor


def _output(tensors: Tensors, name: str) -> NDArray[Any]:
    if name not in tensors:
        raise UnexpectedResponseError(
            f"the answer has no output {name}; client and server differ in version, or it is another model"
        )
    return tensors[name]


def _decoded(text: bytes) -> str:
    # One damaged character must not cost the caller the page.
    return text.decode("utf-8", errors="replace")
