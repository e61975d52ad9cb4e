"""Results as Parquet: a row for each line of text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

# Rows of one row group: large enough to compress, small enough to hold.
_ROWS = 20_000
_CORNERS = [f"{axis}{corner}" for corner in range(4) for axis in "xy"]
_PAGE = ("image", "width", "height", "truncated", "frames", "unreadable")
# Of a document's page only; null for an image.
_PLACE = ("page", "page_count", "dpi", "angle", "text_source")

SCHEMA = pyarrow.schema(
    [
        pyarrow.field("image", pyarrow.string(), nullable=False),
        pyarrow.field("width", pyarrow.int32(), nullable=False),
        pyarrow.field("height", pyarrow.int32(), nullable=False),
        pyarrow.field("truncated", pyarrow.bool_(), nullable=False),
        pyarrow.field("frames", pyarrow.int32(), nullable=False),
        ("unreadable", pyarrow.int32()),
        ("page", pyarrow.int32()),
        ("page_count", pyarrow.int32()),
        ("dpi", pyarrow.float64()),
        ("angle", pyarrow.float64()),
        ("text_source", pyarrow.string()),
        ("line", pyarrow.int32()),
        ("paragraph", pyarrow.int32()),
        ("text", pyarrow.string()),
        ("script", pyarrow.string()),
        ("score", pyarrow.float64()),
        ("box_score", pyarrow.float64()),
        *((corner, pyarrow.float64()) for corner in _CORNERS),
        ("words", pyarrow.string()),
        ("polygon", pyarrow.string()),
    ]
)


@dataclass(frozen=True)
class Parquet:
    """Files of `SCHEMA`, compressed with Zstandard; `words` and `polygon` are JSON as `Line.to_dict` has them."""

    suffix: str = ".parquet"

    def write(self, pages: Iterable[dict[str, Any]], path: Path) -> None:
        """A row group at a time."""
        rows = (row for page in pages for row in _rows(page))
        with pyarrow.parquet.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
            while group := list(islice(rows, _ROWS)):
                writer.write_table(pyarrow.Table.from_pylist(group, schema=SCHEMA))

    def read(self, path: Path) -> Iterator[dict[str, Any]]:
        """A row group at a time; the rows of an image or page follow each other."""
        for _image, rows in groupby(_stored_rows(path), key=itemgetter("image", "page")):
            yield _page(list(rows))


def _stored_rows(path: Path) -> Iterator[dict[str, Any]]:
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()


def _rows(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
    # Parquet's text is UTF-8: a file name that is none is escaped, as in JSON lines.
    shared = {name: page.get(name) for name in (*_PAGE, *_PLACE)}
    shared["image"] = page["image"].encode(errors="backslashreplace").decode()
    for index, line in enumerate(page["lines"]):
        yield shared | _line_columns(line) | {"line": index}
    if not page["lines"]:
        yield shared


def _line_columns(line: dict[str, Any]) -> dict[str, Any]:
    corners = [number for point in line["box"] for number in point]
    columns = {name: line[name] for name in ("paragraph", "text", "script", "score", "box_score")}
    polygon = json.dumps(line["polygon"]) if "polygon" in line else None
    words = json.dumps(line["words"], ensure_ascii=False)
    return columns | dict(zip(_CORNERS, corners, strict=True)) | {"words": words, "polygon": polygon}


def _page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    lines = [_line(row) for row in rows if row["line"] is not None]
    place = {name: first[name] for name in _PLACE} if first["page"] else {}
    size = {name: first[name] for name in ("image", "width", "height")}
    # Files that were written before there was the column, and pages without such regions, have none.
    unreadable = {"unreadable": first["unreadable"]} if first.get("unreadable") else {}
    return place | size | {"lines": lines, "truncated": first["truncated"], "frames": first["frames"]} | unreadable


def _line(row: dict[str, Any]) -> dict[str, Any]:
    corners = [row[name] for name in _CORNERS]
    line = {
        "text": row["text"],
        "score": row["score"],
        "box": [list(point) for point in zip(corners[::2], corners[1::2], strict=True)],
        "box_score": row["box_score"],
        "words": json.loads(row["words"]),
        "paragraph": row["paragraph"],
    }
    # Files that were written before there was the column say nothing of a line's script.
    script = {"script": row["script"]} if row.get("script") else {}
    return line | script | ({"polygon": json.loads(row["polygon"])} if row["polygon"] else {})
