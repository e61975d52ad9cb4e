"""Scripts by their code points: which are Chinese characters, which have no spaces, and which a recognizer can read.

Source: the blocks of the Unicode standard, first and last code point.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

Ranges: TypeAlias = tuple[tuple[int, int], ...]

HAN: Ranges = (
    (0x2E80, 0x2FDF),  # radicals
    (0x3400, 0x4DBF),  # ideographs, here and below
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
# With their punctuation and full-width forms. Korean has spaces: its half-width letters follow U+FF9F.
UNSPACED: Ranges = tuple(
    sorted(
        (
            *HAN,
            (0x3000, 0x312F),  # punctuation, Hiragana, Katakana, Bopomofo
            (0x31A0, 0x31FF),  # Bopomofo, strokes, Katakana
            (0xFE30, 0xFE4F),  # vertical forms
            (0xFF01, 0xFF9F),  # full-width and half-width forms
        )
    )
)


def is_unspaced(character: str) -> bool:
    """Whether a character belongs to a script without spaces between words; False for an empty text."""
    return bool(character) and any(first <= ord(character) <= last for first, last in UNSPACED)


COMMON = "Common"  # Unicode's script of digits, signs and spaces
_UNNAMED = {"cjk": "Han", "ideographic": "Han", "kangxi": "Han"}
_FORMS = ("fullwidth", "halfwidth", "modifier", "mathematical", "combining")


def script_of(text: str) -> str:
    """The Unicode script that most letters of a text have: `Latin`, `Han`, `Cyrillic`, `Hangul`; or `Common`.

    Of Japanese it is `Hiragana` or `Katakana` wherever one of these is, however many `Han` there are. A guess: letters
    of several scripts may be written in one line, and the recognizer may have taken one for another that looks alike.
    """
    found = Counter(script for character in text if (script := _letters_script(character)))
    for kana in ("Hiragana", "Katakana"):
        if found[kana]:
            return kana
    return found.most_common(1)[0][0] if found else COMMON


@lru_cache(maxsize=4096)
def _letters_script(character: str) -> str:
    """The first word of a letter's name is its script's, apart from ideographs and forms; nothing for what is none."""
    if not character.isalpha():
        return ""
    words = [word for word in unicodedata.name(character, "").lower().split() if word not in _FORMS]
    first = words[0].partition("-")[0] if words else ""
    return _UNNAMED.get(first, first.capitalize())


@dataclass(frozen=True)
class Script:
    """What a recognizer must know to read a script.

    Attributes:
        name: as people call it.
        first: of its letters' code points.
        last: likewise.
        least: of the letters between, in either case: nearly all of an alphabet, the usual ones of a larger script.
    """

    name: str
    first: int
    last: int
    least: int


# Letters by the Unicode standard's blocks; of Greek those with accents are among them, without which no text is read.
SCRIPTS = (
    Script("Latin", 0x61, 0x7A, 26),
    Script("Greek", 0x3AC, 0x3CE, 33),
    Script("Cyrillic", 0x430, 0x44F, 32),
    Script("Armenian", 0x561, 0x586, 36),
    Script("Hebrew", 0x5D0, 0x5EA, 27),
    Script("Arabic", 0x621, 0x64A, 34),
    Script("Devanagari", 0x905, 0x939, 44),
    Script("Bengali", 0x985, 0x9B9, 40),
    Script("Tamil", 0xB85, 0xBB9, 30),
    Script("Telugu", 0xC05, 0xC39, 42),
    Script("Kannada", 0xC85, 0xCB9, 42),
    Script("Thai", 0xE01, 0xE2E, 42),
    Script("Georgian", 0x10D0, 0x10F0, 33),
    Script("Kana", 0x3041, 0x30FA, 150),
    Script("Chinese", 0x4E00, 0x9FFF, 3000),
    Script("Korean", 0xAC00, 0xD7A3, 1000),
)


def scripts_of(characters: Iterable[str]) -> tuple[str, ...]:
    """Names of the scripts that a recognizer of these characters can read, in Unicode's order.

    Args:
        characters: texts of its classes.
    """
    known = {ord(letter) for text in characters for letter in text.lower() if len(text) == 1}
    found = []
    for script in SCRIPTS:
        if sum(script.first <= code <= script.last for code in known) >= script.least:
            found.append(script.name)
    return tuple(found)
