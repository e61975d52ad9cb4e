"""`ocdrnet tesseract`, and the program `ocdrnet-tesseract`: Tesseract's command line before a running server.

For programs that start `tesseract` themselves, such as pytesseract: the same arguments, outputs, words of errors and
exit codes (0, or 1 for every failure). What the server cannot do is refused, never made up. Source: the manual page and
the behaviour of Tesseract 5.3.0.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from ocdrnet_cli.connection import check_server, open_client
from ocdrnet_client.address import DEFAULT_URL
from ocdrnet_client.client import Client
from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.formats import FORMATS
from ocdrnet_client.documents.opened import OpenDocument
from ocdrnet_client.documents.reading import is_document, read_pages
from ocdrnet_client.errors import OcdrnetError

# Whose command line this is; callers compare it with the least version that they can use.
TESSERACT_VERSION = "5.3.0"
VARIABLE = "OCDRNET_URL"
# Languages whose letters the default recognizer has, by Tesseract's names. `-l` is not held against them: another
# recognizer may be served.
LANGUAGES = (
    "afr",
    "bos",
    "cat",
    "ces",
    "chi_sim",
    "chi_tra",
    "cym",
    "dan",
    "deu",
    "eng",
    "est",
    "eus",
    "fin",
    "fra",
    "gle",
    "glg",
    "hrv",
    "hun",
    "ind",
    "isl",
    "ita",
    "jpn",
    "lat",
    "lav",
    "lit",
    "mlt",
    "msa",
    "nld",
    "nor",
    "pol",
    "por",
    "ron",
    "slk",
    "slv",
    "spa",
    "sqi",
    "swe",
    "swa",
    "tur",
)
USAGE = """Usage:
  ocdrnet tesseract --help | --version | --list-langs
  ocdrnet tesseract imagename|stdin outputbase|stdout [options...] [configfile...]

Options:
  --url URL             The server; by default OCDRNET_URL, or grpc://127.0.0.1:8001.
  -c page_separator=S   Between pages of text; a form feed by default.
  -c tessedit_char_whitelist=CHARACTERS
                        Which characters may be read; it becomes the server's charset.
  -c hocr_char_boxes=1  Boxes of characters in hOCR and ALTO.
  --dpi NUMBER          Noted in hOCR.
Ignored: -l LANG, --psm NUMBER but 0, --oem NUMBER, --tessdata-dir PATH, --user-words PATH, --user-patterns PATH,
  --loglevel LEVEL, and other -c NAME=VALUE.
Config files: txt (default), hocr, tsv, pdf, alto; quiet.
"""
_AT_ONCE = 4
_TIMEOUT_S = 60.0  # for one image, retries included
_PDF = "pdf"
# Name in the command, format, suffix.
_OUTPUTS = {"txt": ".txt", "hocr": ".hocr", "tsv": ".tsv", "alto": ".xml", _PDF: ".pdf"}
_CREATE = "tessedit_create_"
_TRUE = ("1", "t", "true")
# What is for Tesseract's own training, or writes boxes of characters in other forms than hOCR and ALTO.
_REFUSED = {"makebox", "boxfile", "lstm.train", "lstmbox", "wordstrbox", "page", "page_xml", "get.images"}
_IGNORED_WITH_VALUE = ("-l", "--tessdata-dir", "--user-words", "--user-patterns", "--loglevel")
_QUIET = ("quiet", "batch.nochop", "batch", "logfile", "unlv")


class FailedError(Exception):
    """What is said on stderr before exit code 1."""


@dataclass
class Wanted:
    """A command line.

    Attributes:
        image: a path, or `stdin`.
        output: a path without its suffix, or `stdout`.
        url: of the server.
        formats: names of `_OUTPUTS`, each once.
        separator: between pages of text.
        dpi: of the image; 0: not said.
        options: for the server.
        unknown: config files that are not known, which Tesseract goes on without.
    """

    image: str = ""
    output: str = ""
    url: str = field(default_factory=lambda: os.environ.get(VARIABLE) or DEFAULT_URL)
    formats: list[str] = field(default_factory=list)
    separator: str = "\f"
    dpi: float = 0
    options: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def add_format(self, name: str) -> None:
        """One output more."""
        if name not in self.formats:
            self.formats.append(name)


def parse(arguments: Sequence[str]) -> Wanted:
    """What a command line asks for.

    Raises:
        FailedError: it is none of Tesseract's, or asks for what the server cannot do.
    """
    wanted, names = Wanted(), list[str]()
    left = iter(arguments)
    for argument in left:
        if argument.startswith("-") and argument != "-":
            _option(wanted, argument, left)
        else:
            names.append(argument)
    if len(names) < 2:
        raise FailedError(USAGE.rstrip())
    wanted.image, wanted.output, *configs = names
    for config in configs:
        if config in _REFUSED:
            raise FailedError(f"Error, {config} is not answered by this server")
        if config in _OUTPUTS:
            wanted.add_format(config)
        elif config not in _QUIET:
            wanted.unknown.append(config)
    wanted.formats = wanted.formats or ["txt"]
    return wanted


def _option(wanted: Wanted, name: str, left: Iterator[str]) -> None:
    if name in _IGNORED_WITH_VALUE:
        _value(left, name)
    elif name == "--url":
        wanted.url = _value(left, name)
    elif name in ("--psm", "-psm"):
        if _number(left, name, 13, "PSM") == 0:
            raise FailedError("Error, --psm 0 (orientation and script alone) is not answered by this server")
    elif name == "--oem":
        _number(left, name, 3, "OEM")
    elif name == "--dpi":
        wanted.dpi = _number(left, name, 100_000, "DPI")
    elif name == "-c":
        _set_variable(wanted, _value(left, name))
    else:
        raise FailedError(f"Error, unknown command line argument '{name}'")


def _value(left: Iterator[str], name: str) -> str:
    value = next(left, None)
    if value is None:
        raise FailedError(f"Error, {name} requires an argument")
    return value


def _number(left: Iterator[str], name: str, most: int, what: str) -> int:
    value = _value(left, name)
    if not value.isdecimal() or int(value) > most:
        raise FailedError(f"Invalid {what} value, please enter a number between 0-{most}")
    return int(value)


def _set_variable(wanted: Wanted, assignment: str) -> None:
    name, equals, value = assignment.partition("=")
    if not equals:
        raise FailedError("Missing = in configvar assignment")
    if name.startswith(_CREATE) and value.strip().lower() in _TRUE:
        output = name.removeprefix(_CREATE)
        if output in _REFUSED or output not in _OUTPUTS:
            raise FailedError(f"Error, {name} is not answered by this server")
        wanted.add_format(output)
    elif name == "page_separator":
        wanted.separator = value
    elif name == "hocr_char_boxes" and value.strip().lower() in _TRUE:
        wanted.options["characters"] = "on"
    elif name == "tessedit_char_whitelist" and value:
        if "+" in value:
            raise FailedError("Error, a whitelist with + cannot be handed on: the server's charset joins sets by it")
        # Sorted, it is no name of a set: the server takes `digits` for all ten.
        wanted.options["charset"] = "".join(sorted(set(value) - {" "}))


def run(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit code."""
    try:
        if "--version" in arguments or list(arguments) == ["-v"]:
            sys.stdout.write(f"tesseract {TESSERACT_VERSION}\n ocdrnet-{version('ocdrnet')}\n")
        elif "--list-langs" in arguments:
            lines = [f'List of available languages in "ocdrnet" ({len(LANGUAGES)}):', *LANGUAGES]
            sys.stdout.write("\n".join(lines) + "\n")
        elif {"--help", "-h", "--help-extra"} & set(arguments):
            sys.stdout.write(USAGE)
        else:
            _read(parse(arguments))
    except FailedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (OcdrnetError, click.ClickException) as error:
        words = error.format_message() if isinstance(error, click.ClickException) else str(error)
        sys.stderr.write(f"Error, {words}\nError during processing.\n")
        return 1
    return 0


def _read(wanted: Wanted) -> None:
    for name in wanted.unknown:
        sys.stderr.write(f"read_params_file: Can't open {name}\n")
    source = _source(wanted.image)
    with open_client(wanted.url, _TIMEOUT_S) as client:
        check_server(client, wanted.url)
        pages = _pages(client, source, wanted)
    for name in wanted.formats:
        _write(wanted, name, _written(wanted, name, source, pages))


def _source(name: str) -> bytes:
    """The image's bytes: those of the standard input can be had once, and several outputs may want them."""
    if name in ("stdin", "-"):
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        words = f"Error, cannot read input file {name}: {error.strerror}\nError during processing."
        raise FailedError(words) from None


def _pages(client: Client, source: bytes, wanted: Wanted) -> list[DocumentPage]:
    if not is_document(source):
        return [DocumentPage(1, client.read(source, **wanted.options), dpi=wanted.dpi)]
    # As Tesseract, which knows no text that a page holds.
    with OpenDocument(source, text_layer="ocr") as document:
        pages = list(read_pages(document, lambda image: client.read(image, **wanted.options), _AT_ONCE))
    for page in pages:
        if page.error:
            raise FailedError(f"Error, page {page.number}: {page.error}\nError during processing.")
    return pages


def _written(wanted: Wanted, name: str, source: bytes, pages: Sequence[DocumentPage]) -> bytes:
    if name == _PDF:
        from ocdrnet_client.documents.searchable_pdf import add_text_layer  # noqa: PLC0415 -- loads pikepdf

        buffer = io.BytesIO()
        add_text_layer(source, pages, buffer)
        return buffer.getvalue()
    if name == "txt":
        return "".join(_text(page) + wanted.separator for page in pages).encode()
    write = FORMATS[name].of_pages
    assert write is not None
    return "".join(write(pages, "" if wanted.image in ("stdin", "-") else wanted.image)).encode()


def _text(page: DocumentPage) -> str:
    """Paragraphs with an empty line between them."""
    if not page.page or not page.page.lines:
        return ""
    return "\n\n".join("\n".join(line.text for line in lines) for lines in page.page.paragraphs) + "\n"


def _write(wanted: Wanted, name: str, content: bytes) -> None:
    if wanted.output in ("stdout", "-"):
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    path = Path(wanted.output + _OUTPUTS[name])
    try:
        path.write_bytes(content)
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise FailedError(f"Error, could not create {name.upper()} output file: {error.strerror}") from None


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def tesseract(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Tesseract's command line before a running server, for programs that start `tesseract` themselves."""
    context.exit(run(arguments))


def main() -> None:
    """`ocdrnet-tesseract`: a single program, as `pytesseract.tesseract_cmd` wants one."""
    sys.exit(run(sys.argv[1:]))
