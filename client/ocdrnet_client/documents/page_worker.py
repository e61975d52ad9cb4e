"""The process that opens a document and draws its pages: a PDF by PDFium, the frames of an image file by Pillow.

`opened.OpenDocument` runs it as `python -m ocdrnet_client.documents.page_worker`. Documents are hostile: this process
has a limit of memory, its caller gives each answer a time limit, and if it dies only the page that it worked on is
lost. Where its caller is killed, it ends with the pipe, or by an alarm within a page. PDFium must not be called by two
threads, either.

A message, in both directions, is a length (8 bytes, big-endian), so many bytes of JSON, and a blob, whose length the
JSON gives as `bytes`. The caller first sends {"open": PATH or null, "password", "memory"}, with the document as blob
where there is no path, then {"page": NUMBER, "dpi", "text_layer", "pixels", "preview"} for each page; or {"text":
[PAGE, ...]} with pages as `DocumentPage.to_dict` has them, or {"text": PATH} of a file with such a page in each line;
all with "seconds", the time limit. It is answered {"pages": COUNT, "kind"}, then {"dpi", "layer", "preview": LENGTH},
with an encoded image unless the layer is taken, and a JPEG of that length after it; {} with a searchable PDF; or any
time {"error": SENTENCE}.
"""

from __future__ import annotations

import io
import json
import math
import os
import signal
import struct
import sys
import zlib
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias, cast

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ocdrnet_client.documents.document import POINTS_PER_INCH, SIGNATURE_WITHIN, DocumentPage, is_pdf
from ocdrnet_client.errors import OcdrnetError
from ocdrnet_client.images import encoded_image, upright_image

Drawn: TypeAlias = "tuple[dict[str, Any], bytes | bytearray]"
_LEAST_POINTS = 1.0
_PREVIEW_QUALITY = 75
_LENGTH_BYTES = 4  # of a PNG's chunk
_PNG_SIGNATURE, _UNFILTERED = b"\x89PNG\r\n\x1a\n", b"\0"  # https://www.w3.org/TR/png-3/
_LENGTH = struct.Struct(">Q")
_RUNS_OF_FRAMES = ("TIFF", "GIF", "WEBP", "PNG", "AVIF")
_PDFIUM_FAULTS = {  # fpdfview.h, FPDF_ERR_*
    0: "the PDF has no pages",  # what pypdfium2 itself refuses
    1: "the PDF cannot be opened",
    2: "the PDF cannot be read",
    3: "the PDF is damaged, or is none",
    4: "the PDF is encrypted; give its password",
    5: "the PDF is protected in a way that PDFium does not know",
    6: "the page is damaged",
}


class DocumentError(Exception):
    """What is wrong with the document, as a sentence."""


class Pages(Protocol):
    """An opened document."""

    kind: str
    count: int

    def draw(self, number: int, dpi: float, text_layer: str, pixels: int, preview: int) -> Drawn:
        """A page, from 1: what to say of it, its image unless its own text is taken, and its preview."""


class PdfPages:
    """The pages of a PDF."""

    kind = "PDF"

    def __init__(self, source: str | bytes, password: str) -> None:
        try:
            import pypdfium2  # noqa: PLC0415 -- an extra, and not for image files
        except ImportError:
            raise DocumentError(
                "this is a PDF, and pypdfium2, which draws these, is not installed: pip install 'ocdrnet[documents]'"
            ) from None
        try:
            self._pdf = pypdfium2.PdfDocument(source, password=password or None)
            # Forms are drawn only where they are loaded before the first page is.
            with suppress(pypdfium2.PdfiumError):
                self._pdf.init_forms()
        except pypdfium2.PdfiumError as error:
            code = getattr(error, "err_code", None)
            if code == 4 and password:
                raise DocumentError("the PDF's password is another one") from None
            raise DocumentError(_PDFIUM_FAULTS.get(3 if code is None else code, str(error))) from None
        self._error = pypdfium2.PdfiumError
        self.count = len(self._pdf)

    def draw(self, number: int, dpi: float, text_layer: str, pixels: int, preview: int) -> Drawn:
        """Annotations and forms are drawn; the page is its crop box, turned by its own rotation.

        A page of more pixels at this dpi is drawn at fewer dots.
        """
        try:
            page = self._pdf[number - 1]
        except self._error:
            raise DocumentError(f"page {number} is damaged") from None
        from ocdrnet_client.documents.text_layer import find_text_layer  # noqa: PLC0415 -- needs pypdfium2

        try:
            width, height = page.get_size()
            if not (_LEAST_POINTS <= width < math.inf and _LEAST_POINTS <= height < math.inf):
                raise DocumentError(f"page {number} is {width:g} x {height:g} points, which cannot be drawn")
            dpi = min(dpi, POINTS_PER_INCH * math.sqrt(pixels / (width * height)))
            # In one go with the bitmap: whole pixels decide what an inch is.
            bitmap = page.render(scale=dpi / POINTS_PER_INCH, may_draw_forms=True)
            drawn = bitmap.to_numpy()
            layer = find_text_layer(page, drawn, text_layer) if text_layer != "ocr" else None
            if layer is not None and not preview:
                return {"dpi": dpi, "layer": layer, "preview": 0}, b""
            small = _preview(bitmap.to_pil(), preview) if preview else b""
            encoded = bytearray() if layer is not None else _png(drawn)
            encoded += small
            return {"dpi": dpi, "layer": layer, "preview": len(small)}, encoded
        except self._error as error:
            raise DocumentError(f"page {number} cannot be drawn: {error}") from None
        finally:
            page.close()


def with_text(source: str | bytes, password: str, pages: list[dict[str, Any]] | str) -> bytes:
    """The document as a searchable PDF.

    Args:
        source: a path, or the file's bytes.
        password: of an encrypted PDF.
        pages: what was read, as `DocumentPage.to_dict` has it; or the path of a file with one as JSON in each line.
    """
    from ocdrnet_client.documents.searchable_pdf import add_text_layer  # noqa: PLC0415 -- an extra

    written = io.BytesIO()
    try:
        file = source if isinstance(source, bytes) else Path(source)
        with open(pages, encoding="utf-8") if isinstance(pages, str) else nullcontext() as lines:
            said: Iterable[dict[str, Any]] = map(json.loads, lines) if lines else cast("list[dict[str, Any]]", pages)
            add_text_layer(file, map(DocumentPage.from_dict, said), written, password)
    except OcdrnetError as error:
        raise DocumentError(str(error)) from None
    return written.getvalue()


class FramePages:
    """The frames of an image file: the pages of a TIFF, the images of a GIF."""

    _image: Image.Image

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._image = Image.open(file)
            self.count = getattr(self._image, "n_frames", 1)
        except UnidentifiedImageError:
            self._image, self.count = _by_the_servers_decoder(file), 1
        except (OSError, ValueError, SyntaxError, struct.error) as error:
            raise _no_document(error) from None
        self.kind = self._image.format or "image"

    def draw(self, number: int, dpi: float, text_layer: str, pixels: int, preview: int) -> Drawn:
        """The frame without losses, upright, in its own pixels."""
        del dpi, text_layer, pixels
        try:
            self._image.seek(number - 1)
            across = self._image.info.get("dpi", (0, 0))[0]
            frame = self._image.copy()
            ImageOps.exif_transpose(frame, in_place=True)
            encoded = encoded_image(frame)
            # The server's decoder knows what is white and what black in the rarer modes.
            plain = frame if frame.mode in ("L", "RGB") or not preview else upright_image(encoded)
            small = _preview(plain, preview)
            return {"dpi": float(across or 0), "layer": None, "preview": len(small)}, encoded + small
        except OcdrnetError as error:
            raise DocumentError(f"page {number} cannot be read: {error}") from None
        except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
            raise DocumentError(f"page {number} is damaged: {_reason(error)}") from None


def main() -> None:
    """Answer the caller's messages until it closes the pipe."""
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    pages: Pages | None = None
    source: str | bytes = b""
    password = ""
    while (message := read_message(sys.stdin.buffer)) is not None:
        asked, blob = message
        if hasattr(signal, "alarm"):  # not on Windows
            signal.alarm(math.ceil(asked["seconds"]) + 5)
        try:
            if pages is None:
                _limit_memory(asked["memory"])
                source, password = asked["open"] or blob, asked["password"]
                pages = _opened(asked, blob)
                answer: Drawn = ({"pages": pages.count, "kind": pages.kind}, b"")
            elif "text" in asked:
                answer = {}, with_text(source, password, asked["text"])
            else:
                choice = (asked[name] for name in ("page", "dpi", "text_layer", "pixels", "preview"))
                answer = pages.draw(*choice)
        except DocumentError as error:
            answer = {"error": str(error)}, b""
        except MemoryError:
            what = f"page {asked['page']} cannot be drawn" if "page" in asked else "it cannot be opened"
            answer = {"error": f"{what}: there is not enough memory"}, b""
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        write_message(answers, *answer)


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """The next message and its blob; None at the end.

    Raises:
        EOFError: the stream ends within a message.
    """
    if not (head := stream.read(_LENGTH.size)):
        return None
    said = json.loads(_exactly(stream, _LENGTH.unpack(head)[0]))
    return said, _exactly(stream, said.get("bytes", 0))


def write_message(stream: BinaryIO, said: dict[str, Any], blob: bytes | bytearray = b"") -> None:
    """Write a message and its blob."""
    text = json.dumps({**said, "bytes": len(blob)}).encode()
    stream.write(_LENGTH.pack(len(text)) + text)
    stream.write(blob)
    stream.flush()


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the other process ended within a message")
    return data


def _opened(asked: dict[str, Any], blob: bytes) -> Pages:
    path = asked["open"]
    try:
        with open(path, "rb") if path else io.BytesIO(blob) as file:
            head = file.read(SIGNATURE_WITHIN)
        if is_pdf(head):
            return PdfPages(path or blob, asked["password"])
        return FramePages(open(path, "rb") if path else io.BytesIO(blob))
    except OSError as error:
        raise DocumentError(f"cannot read {path}: {error.strerror or error}") from None


def _by_the_servers_decoder(file: BinaryIO) -> Image.Image:
    """What Pillow does not know and a server reads: HEIC."""
    file.seek(0)
    try:
        return upright_image(file)
    except OcdrnetError as error:
        raise _no_document(error) from None


def _no_document(error: Exception) -> DocumentError:
    return DocumentError(f"this is no PDF, and as an image it cannot be read: {_reason(error)}")


def _limit_memory(limit: int) -> None:
    if limit and sys.platform == "linux":
        import resource  # noqa: PLC0415 -- not on Windows

        # The libraries' own mappings grow with the machine's cores.
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + limit, taken + limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytearray:
    """A PNG, gray where the page is: a third of the bytes, and of the work.

    Without filters, which cost Pillow most of its time and save nothing here: a gray scan takes 0.4 of the CPU time of
    Pillow's PNG of the same level, a coloured one 0.7, a page of drawn text as much; and a few percent fewer bytes.

    Args:
        pixels: uint8 [height, width, 3 or 4], blue first.
    """
    height, width = pixels.shape[:2]
    blue, green, red = (pixels[..., channel] for channel in range(3))
    is_gray = np.array_equal(blue, green) and np.array_equal(green, red)
    rows = blue if is_gray else pixels[..., 2::-1]
    # Runs are what a gray page has; matches at a distance are noise's, and cost more than they save.
    strategy = zlib.Z_RLE if is_gray else zlib.Z_DEFAULT_STRATEGY
    squeeze = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if is_gray else 2, 0, 0, 0)  # bits, kind of colour, usual ways
    # Grown in place: of a large page every copy counts.
    png = bytearray(_PNG_SIGNATURE + _chunk(b"IHDR", header) + bytes(_LENGTH_BYTES) + b"IDAT")
    start = len(png)
    for row in rows:
        png += squeeze.compress(_UNFILTERED + row.tobytes())
    png += squeeze.flush()
    struct.pack_into(">I", png, start - 4 - _LENGTH_BYTES, len(png) - start)
    with memoryview(png) as written:
        checksum = zlib.crc32(written[start - 4 :])
    png += struct.pack(">I", checksum) + _chunk(b"IEND", b"")
    return png


def _chunk(name: bytes, data: bytes) -> bytes:
    """A part of a PNG: length, name, data, checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _preview(image: Image.Image, longest: int) -> bytes:
    """A JPEG whose longer side has at most so many pixels; nothing if that is 0."""
    if not longest:
        return b""
    # By whole numbers first, so that a page at the limit of memory leaves room for its preview.
    small = image.reduce(max(1, max(image.size) // longest))
    small.thumbnail((longest, longest))
    if small.mode == "RGB" and not np.ptp(np.asarray(small), axis=2).any():
        small = small.convert("L")  # a third of the bytes
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=_PREVIEW_QUALITY)
    return buffer.getvalue()


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


if __name__ == "__main__":
    main()
