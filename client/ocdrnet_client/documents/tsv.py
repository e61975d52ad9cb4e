"""TSV with the columns of Tesseract's, for programs that read its output, such as pytesseract and pandas.

Source: Tesseract's `TessBaseAPI::GetTSVText`: a row for each page, block, paragraph, line and word, levels 1 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ocdrnet_client.documents.document import DocumentPage
from ocdrnet_client.documents.outlines import Rectangle, rectangle_around, rectangle_of, words_of
from ocdrnet_client.documents.xml_text import legal

HEADER = "level page_num block_num par_num line_num word_num left top width height conf text".replace(" ", "\t")
# What a reader of lines and columns would take for an end of one: tabs, and all at which `str.splitlines` divides.
_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
NO_CONFIDENCE = "-1"  # of all that is not a word


def tsv_of(pages: Iterable[DocumentPage], _name: str | None) -> Iterator[str]:
    """A document as TSV, in pieces: the header, then one for each page.

    A paragraph is a block with one paragraph. Numbers begin at 1 within what is one level up; 0 stands where a level
    does not apply. Of a page that failed there is the page's own row, of size 0. Quotes stand as they are: a reader
    turns quoting off, as for Tesseract's.
    """
    yield HEADER + "\n"
    for page in pages:
        yield _page(page)


def _page(page: DocumentPage) -> str:
    number, read = page.number, page.page
    if read is None:
        return _row(1, (number, 0, 0, 0, 0), Rectangle(0, 0, 0, 0))
    rows = [_row(1, (number, 0, 0, 0, 0), Rectangle(0, 0, read.width, read.height))]
    for block, lines in enumerate(read.paragraphs, 1):
        around = rectangle_around(lines, read)
        rows += [_row(2, (number, block, 0, 0, 0), around), _row(3, (number, block, 1, 0, 0), around)]
        for index, line in enumerate(lines, 1):
            rows.append(_row(4, (number, block, 1, index, 0), rectangle_of(line.outline, read)))
            for place, (word, _) in enumerate(words_of(line), 1):
                text = legal(_BREAKS.sub(" ", word.text))
                confidence = f"{100 * word.score:.2f}"
                box = rectangle_of(word.box, read)
                rows.append(_row(5, (number, block, 1, index, place), box, confidence, text))
    return "".join(rows)


def _row(level: int, place: tuple[int, ...], box: Rectangle, confidence: str = NO_CONFIDENCE, text: str = "") -> str:
    cells = [level, *place, box.left, box.top, box.width, box.height, confidence, text]
    return "\t".join(str(cell) for cell in cells) + "\n"
