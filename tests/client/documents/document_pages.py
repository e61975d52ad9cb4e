"""Pages made by hand for the tests of the formats: upright, turned, curved, of several scripts, hostile."""

import dataclasses
import math

from ocdrnet_client import Character, InvalidRequestError, Line, Page, Word
from ocdrnet_client.documents.document import DocumentPage


def box(x, y, width, height, turned=0):
    """Corners of a box whose top-left is (x, y), turned clockwise around it by degrees."""
    cosine, sine = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    return tuple((x + a * cosine - b * sine, y + a * sine + b * cosine) for a, b in corners)


def line(text, x, y, size=20, turned=0, paragraph=0, width=None, polygon=(), score=0.9):
    """A line of `size` pixels of height, half as many a character, and its words where they stand in it."""
    wide = width or len(text) * size / 2
    step = wide / max(len(text), 1)
    cosine, sine = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    words, end = [], 0
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        at = (x + start * step * cosine, y + start * step * sine)
        words.append(Word(word, score, box(*at, len(word) * step, size, turned)))
    return Line(text, score, box(x, y, wide, size, turned), 0.8, tuple(words), paragraph, polygon)


def page(*lines, width=1000, height=1400, image=None):
    return Page(width, height, lines, image=image)


PLAIN = page(line("Two words", 100, 50), line("next", 100, 80), line("alone", 100, 150, paragraph=1), image="scan.png")
TURNED = page(
    line("uphill", 100, 200, turned=-10),
    line("down the page", 500, 100, turned=90, paragraph=1),
    line("up the page", 600, 400, turned=-90, paragraph=2),
    line("on its head", 700, 600, turned=180, paragraph=3),
)
ARCH = ((100, 60), (150, 40), (200, 60), (200, 90), (150, 70), (100, 90))
CURVED = page(line("round arch", 100, 40, width=100, size=50, polygon=ARCH))
# The first word of Hebrew stands on the right.
HEBREW = page(
    Line(
        "שלום עולם",
        0.9,
        box(100, 50, 200, 20),
        0.8,
        (Word("שלום", 0.9, box(210, 50, 90, 20)), Word("עולם", 0.9, box(100, 50, 90, 20))),
    )
)
# Words without a blank between them, then one with.
CHINESE = page(
    Line(
        "你好世界 OK",
        0.9,
        box(100, 50, 140, 20),
        0.8,
        (
            Word("你好", 0.9, box(100, 50, 40, 20)),
            Word("世界", 0.9, box(140, 50, 40, 20)),
            Word("OK", 0.9, box(200, 50, 40, 20)),
        ),
    )
)
HOSTILE_WORDS = ("a]]>b", "<&\">'", "be\x07ll\x00", "--><!--", "&amp;", "\ud800x\uffff", "tab\there", "a\u2028b")
HOSTILE = page(
    Line(
        "\x01 ".join(HOSTILE_WORDS),
        0.9,
        box(-10.4, 50.5, 1100, 20),  # and over both edges of the page
        0.8,
        tuple(Word(word, 1.0, box(10 + 50 * index, 50.5, 40, 20.2)) for index, word in enumerate(HOSTILE_WORDS)),
    ),
    image='a"b;<c>.png',
)
# As some answers are: a line without words, one without text.
WORDLESS = page(Line("no words", 0.5, box(100, 50, 80, 20), 0.8), Line("", 0.0, box(100, 90, 80, 20), 0.8))


def spelled(word, *texts):
    """A word with its characters, each as wide as the others, from left to right."""
    (left, top), (right, below), *_ = word.box
    size = math.dist(word.box[0], word.box[3])
    angle, step = math.degrees(math.atan2(below - top, right - left)), math.dist(word.box[0], word.box[1]) / len(texts)
    shift = math.cos(math.radians(angle)) * step, math.sin(math.radians(angle)) * step
    boxes = [box(left + i * shift[0], top + i * shift[1], step, size, angle) for i in range(len(texts))]
    characters = tuple(Character(text, 0.75, each) for text, each in zip(texts, boxes, strict=True))
    return dataclasses.replace(word, characters=characters)


def spelled_line(text, x, y, *words, **more):
    made = line(text, x, y, **more)
    return dataclasses.replace(
        made, words=tuple(spelled(word, *texts) for word, texts in zip(made.words, words, strict=True))
    )


# Marks that a letter has its own code point with, and one that has none; a ligature as a recognizer's one character;
# what XML does not allow; text aslant; and one word whose characters are not its text.
SPELLED = page(
    spelled_line("Two e\u0301x\u0301", 100, 50, "Two", ("e\u0301", "x\u0301")),
    spelled_line('be\x07 <&"', 100, 80, "be\x07", '<&"'),
    spelled_line("ffi slant", 100, 150, ("ffi",), "slant", turned=-10, paragraph=1),
    spelled_line("other abcd", 100, 300, "text", ("abcd",), paragraph=2),
)
FAILED = InvalidRequestError('the page is "damaged" <-- at --> 7')

DOCUMENT = (
    DocumentPage(1, PLAIN, dpi=299.6),
    DocumentPage(2, error=FAILED),
    DocumentPage(3, page(), dpi=200),
    DocumentPage(4, TURNED),
    DocumentPage(5, CURVED),
    DocumentPage(6, HEBREW),
    DocumentPage(7, CHINESE),
    DocumentPage(8, HOSTILE),
    DocumentPage(9, WORDLESS),
)


def one(read, number=1, **more):
    return [DocumentPage(number, read, **more)]


def pieces_before_the_end(of_pages):
    """What a format has written when the second of two pages is not there yet."""
    written = []

    def pages():
        yield DocumentPage(1, PLAIN)
        written.append(len(pieces))
        yield DocumentPage(2, PLAIN)

    pieces = []
    for piece in of_pages(pages(), "x.pdf"):
        pieces.append(piece)
    return pieces[: written[0]]
