"""A searchable PDF: the original pages with the words that were read as invisible text over them.

What is there stays as it is: no stream is decoded or compressed anew, and outlines, links, forms, attachments and
metadata are kept. A page gets one content stream more, before its own ones: there the graphics state is still the
page's first one, and what is invisible may as well lie below. The stream's first operators and a font named
`/OcdrnetText` mark the layer: adding text again replaces it.

* A signed PDF is refused. pikepdf writes a file as a whole, and every byte that a signature covers must stay.
* An encrypted PDF, opened with its password, stays encrypted as it was.
* Images become pages by img2pdf: the file's own compressed data where a PDF can hold it (JPEG, PNG, fax TIFF), else its
  pixels without loss (WebP, BMP, GIF, AVIF, other TIFF). What img2pdf refuses or turns wrongly (HEIC, mirrored by EXIF,
  a turned TIFF, 16 bits with transparency) is decoded as a server decodes it, and put in as PNG. A page's size
  follows from the file's dpi; 96 where it says none.
"""

from __future__ import annotations

import io
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import ExifTags, Image

from ocdrnet_client.documents.document import SIGNATURE_WITHIN, DocumentPage, is_pdf
from ocdrnet_client.documents.invisible_text import (
    FONT_NAME,
    LAYER_END,
    LAYER_START,
    GlyphlessFont,
    Matrix,
    layer_content,
)
from ocdrnet_client.errors import InvalidRequestError
from ocdrnet_client.images import upright_image

if TYPE_CHECKING:
    import pikepdf as pikepdf_types

_LARGEST_CONTENT = 1 << 26  # bytes of a content stream in which a layer is looked for; one has about 50 a word
_LETTER = (0.0, 0.0, 612.0, 792.0)  # what pdfium shows of a page without a MediaBox


@dataclass(frozen=True)
class AddedText:
    """What was written: pages that have a layer now, and words on them."""

    pages: int
    words: int


def add_text_layer(
    source: Path | bytes, pages: Iterable[DocumentPage], target: BinaryIO | Path, password: str = ""
) -> AddedText:
    """Writes a PDF, or images as a PDF, with invisible text over each word of the given pages.

    Pages that are not given, that failed, or whose words came from their own text layer are left as they are.

    Args:
        source: a PDF or an image file (see `ocdrnet_client.images.encoded_image`); a file of several images has a page
            for each.
        pages: boxes in pixels of the page as it is displayed: its CropBox, turned by its Rotate. Taken one by one, so
            that a long document need not be in memory.
        target: a path, which may be the source's, replaced when all is written; or a file open for writing.
        password: of an encrypted PDF.

    Raises:
        InvalidRequestError: the source cannot be read, is signed, or has no such page; the password is missing or
            wrong; the target cannot be written; or pikepdf and img2pdf are not installed.
    """
    pikepdf = _pikepdf()
    with _opened(pikepdf, source, target, password) as pdf:
        with _sentences(pikepdf, "cannot change the PDF"):
            _refuse_signed(pdf)
            count = len(pdf.pages)
            # Filled at last, when all characters are known; until then pages refer to it.
            font_object = pdf.make_indirect(pikepdf.Dictionary())
        font = GlyphlessFont()
        added: list[int] = []
        for each in pages:
            if each.page is None or each.text_source == "text_layer":
                continue
            if not 1 <= each.number <= count:
                raise InvalidRequestError(f"there is no page {each.number}: the file has {count}")
            with _sentences(pikepdf, f"cannot change page {each.number} of the PDF"):
                page = pdf.pages[each.number - 1].obj
                content, words = layer_content(each.page, _to_user_space(page, each.page.width, each.page.height), font)
                _replace_layer(pdf, page, content, font_object)
            if words:
                added.append(words)
        with _sentences(pikepdf, "cannot write the PDF"):
            font.write(pdf, font_object)
            _save(pdf, target)
    return AddedText(len(added), sum(added))


def _pikepdf() -> ModuleType:
    try:
        import img2pdf  # noqa: F401, PLC0415
        import pikepdf  # noqa: PLC0415
    except ImportError as error:
        raise InvalidRequestError(
            f"searchable PDFs want {error.name}, which is not installed: pip install 'ocdrnet[documents]'"
        ) from error
    return pikepdf


@contextmanager
def _sentences(pikepdf: ModuleType, what: str) -> Iterator[None]:
    """Turns what the libraries raise for a damaged or hostile file into a sentence."""
    try:
        yield
    except pikepdf.PasswordError as error:
        raise InvalidRequestError("the PDF is encrypted, and the password is missing or wrong") from error
    except OSError as error:
        raise InvalidRequestError(f"{what}: {error.strerror or error}") from error
    # An object of another type than the standard wants answers with any of these.
    except (
        pikepdf.PdfError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RuntimeError,
        ArithmeticError,
    ) as error:
        raise InvalidRequestError(f"{what}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


@contextmanager
def _opened(
    pikepdf: ModuleType, source: Path | bytes, target: BinaryIO | Path, password: str
) -> Iterator[pikepdf_types.Pdf]:
    name = "the bytes" if isinstance(source, bytes) else str(source)
    with _sentences(pikepdf, f"cannot read {name}"):
        in_place = isinstance(source, Path) and isinstance(target, Path) and target.exists() and source.samefile(target)
        if _is_pdf(source):
            original: Path | BinaryIO = source if isinstance(source, Path) else io.BytesIO(source)
        else:
            original, in_place, password = _pdf_of_images(source), False, ""
        pdf = pikepdf.open(original, password=password, allow_overwriting_input=in_place)
    with pdf:
        yield pdf


def _is_pdf(source: Path | bytes) -> bool:
    if isinstance(source, bytes):
        return is_pdf(source)
    with source.open("rb") as file:
        return is_pdf(file.read(SIGNATURE_WITHIN))


def _save(pdf: pikepdf_types.Pdf, target: BinaryIO | Path) -> None:
    """Writes what was not changed as it was: streams as they are compressed, objects as they are gathered."""
    from pikepdf import ObjectStreamMode, StreamDecodeLevel  # noqa: PLC0415

    settings: dict[str, Any] = {
        "compress_streams": False,
        # Not to be chosen with encryption; streams of an encrypted file stay compressed, too.
        "stream_decode_level": None if pdf.is_encrypted else StreamDecodeLevel.none,
        "object_stream_mode": ObjectStreamMode.preserve,
        "fix_metadata_version": False,
        "linearize": pdf.is_linearized,
        "encryption": True if pdf.is_encrypted else None,
        # The same input gives the same bytes; an encrypted file's keys depend on its ID, which stays.
        "deterministic_id": not pdf.is_encrypted,
    }
    if isinstance(target, Path):
        pdf.save(target, **settings)
        return
    # A pipe cannot go back, as qpdf wants to.
    with tempfile.TemporaryFile() as whole:
        pdf.save(whole, **settings)
        whole.seek(0)
        shutil.copyfileobj(whole, target)


def _refuse_signed(pdf: pikepdf_types.Pdf) -> None:
    """Looks for a signature in the form's fields, where ISO 32000-1, 12.7.4.5 has them.

    Raises:
        InvalidRequestError: there is one.
    """
    from pikepdf import Array, Dictionary, Name  # noqa: PLC0415

    form = pdf.Root.get("/AcroForm")
    fields = form.get("/Fields") if isinstance(form, Dictionary) else None
    waiting: list[tuple[Any, Any]] = [(field, None) for field in fields] if isinstance(fields, Array) else []
    seen: set[tuple[int, int]] = set()
    while waiting:
        field, inherited = waiting.pop()
        if not isinstance(field, Dictionary) or field.objgen in seen:
            continue
        if field.is_indirect:
            seen.add(field.objgen)
        kind = field.get("/FT", inherited)
        if kind == Name.Sig and field.get("/V") is not None:
            raise InvalidRequestError(
                "the PDF is signed, and adding text would break the signature: add the text first and sign then,"
                " or remove the signature"
            )
        kids = field.get("/Kids")
        waiting += [(kid, kind) for kid in kids] if isinstance(kids, Array) else []


def _to_user_space(page: pikepdf_types.Object, width: int, height: int) -> Matrix:
    """Maps pixels of the displayed page, y down, to its user space: the CropBox within the MediaBox, turned by Rotate.

    Boxes that are missing or empty are replaced as pdfium does. UserUnit scales the page and its text alike.
    """
    media = _box(page.get("/MediaBox")) or _LETTER
    crop = _box(page.get("/CropBox")) or media
    left, bottom = max(media[0], crop[0]), max(media[1], crop[1])
    right, top = min(media[2], crop[2]), min(media[3], crop[3])
    if left >= right or bottom >= top:
        left, bottom, right, top = media
    x, y = right - left, top - bottom
    rotate = page.get("/Rotate", 0)
    turns = int(rotate) // 90 % 4 if isinstance(rotate, (int, float, Decimal)) else 0
    if turns == 0:
        return x / width, 0, 0, -y / height, left, top
    if turns == 1:
        return 0, y / width, x / height, 0, left, bottom
    if turns == 2:
        return -x / width, 0, 0, y / height, right, bottom
    return 0, -y / width, -x / height, 0, right, top


def _box(array: object) -> tuple[float, float, float, float] | None:
    """Left, bottom, right, top of a rectangle given by any two opposite corners; None if it is empty or none."""
    from pikepdf import Array  # noqa: PLC0415

    if not isinstance(array, Array) or len(array) != 4:
        return None
    x0, y0, x1, y1 = (float(value) for value in array)
    box = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    return box if box[0] < box[2] and box[1] < box[3] else None


def _replace_layer(
    pdf: pikepdf_types.Pdf, page: pikepdf_types.Object, content: bytes, font: pikepdf_types.Object
) -> None:
    """Puts a layer before a page's content, in place of an earlier one; resources are the page's own afterwards."""
    from pikepdf import Array, Dictionary, Name, Stream  # noqa: PLC0415

    found = page.get("/Contents")
    contents = list(found) if isinstance(found, Array) else [] if found is None else [found]
    resources = _copied(page.get("/Resources"))
    fonts = _copied(resources.get("/Font"))
    if FONT_NAME in fonts:
        contents = _without_layer(pdf, contents)
        del fonts[FONT_NAME]
    elif not content:
        return
    if content:
        contents.insert(0, Stream(pdf, zlib.compress(content), Filter=Name.FlateDecode))
        fonts[FONT_NAME] = font
    resources["/Font"] = Dictionary(fonts)
    page[Name.Resources] = Dictionary(resources)
    page[Name.Contents] = Array(contents)


def _copied(dictionary: object) -> dict[str, Any]:
    from pikepdf import Dictionary  # noqa: PLC0415

    return dict(dictionary.items()) if isinstance(dictionary, Dictionary) else {}


def _without_layer(pdf: pikepdf_types.Pdf, contents: list[Any]) -> list[Any]:
    """Contents without our stream, or without our operators where another program joined the streams."""
    from pikepdf import Stream  # noqa: PLC0415

    data = _plain(contents[0]) if contents and isinstance(contents[0], Stream) else b""
    end = data.find(LAYER_END)
    if not data.startswith(LAYER_START) or end < 0:
        return contents
    rest = data[end + len(LAYER_END) :]
    return [*([Stream(pdf, rest)] if rest.strip() else []), *contents[1:]]


def _plain(stream: pikepdf_types.Object) -> bytes:
    """What a content stream says; nothing if it is compressed in another way than ours, or to a bomb."""
    from pikepdf import Name  # noqa: PLC0415

    data = stream.read_raw_bytes()
    if "/Filter" not in stream:
        return data
    if stream.get("/Filter") != Name.FlateDecode or "/DecodeParms" in stream:
        return b""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, _LARGEST_CONTENT)
    except zlib.error:
        return b""
    return b"" if inflater.unconsumed_tail else plain


def _pdf_of_images(source: Path | bytes) -> BinaryIO:
    """A PDF with a page for each image of a file."""
    import img2pdf  # noqa: PLC0415

    data = source if isinstance(source, bytes) else source.read_bytes()
    settings: dict[str, Any] = {"allow_oversized": True, "nodate": True}
    orientations = _orientations(data)
    if orientations <= {1, 3, 6, 8}:
        file = io.BytesIO()
        rotation = img2pdf.Rotation.auto if orientations - {1} else img2pdf.Rotation.none
        # img2pdf raises Exception itself, and whatever Pillow raises.
        with suppress(Exception):
            # As an open file: img2pdf takes bytes for a path if there is such a file.
            img2pdf.convert(io.BytesIO(data), outputstream=file, rotation=rotation, **settings)
            file.seek(0)
            return file
    file = io.BytesIO()
    img2pdf.convert([io.BytesIO(image) for image in _as_png(data)], outputstream=file, **settings)
    file.seek(0)
    return file


def _orientations(data: bytes) -> set[int]:
    """EXIF orientations of a file's images; 0 for a turned TIFF: Pillow turns it, and img2pdf would once more."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format != "TIFF":
                orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
                return {orientation if orientation in range(1, 9) else 1}  # as the server has it
            tags = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                tags.append(image.getexif().get(ExifTags.Base.Orientation, 1))
            return {0 if tag in range(2, 9) else 1 for tag in tags}
    except (OSError, Image.DecompressionBombError, ValueError, SyntaxError, EOFError, struct.error):
        return {0}


def _as_png(data: bytes) -> Iterator[bytes]:
    """Each image of a file, as a server sees it: RGB and upright."""
    try:
        opened = Image.open(io.BytesIO(data))
    except (OSError, Image.DecompressionBombError):
        opened = None  # HEIC, which the server's decoder knows
    frames = getattr(opened, "n_frames", 1)
    for number in range(frames):
        if opened and frames > 1:
            opened.seek(number)
        image = upright_image(opened.copy() if opened and frames > 1 else data)
        if opened and opened.mode in ("1", "L"):
            image = image.convert(opened.mode)  # a scan's pixels are gray in RGB, too, and three times as large
        buffer = io.BytesIO()
        dpi = opened.info.get("dpi", (0, 0)) if opened else (0, 0)
        # TIFF says 1 dpi where it knows none.
        image.save(buffer, format="PNG", compress_level=1, **({"dpi": dpi} if min(dpi) > 1 else {}))
        yield buffer.getvalue()
