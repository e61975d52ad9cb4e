"""Scripts by their code points: which are Chinese characters, and which are written without spaces between words.

Source: the blocks of the Unicode standard, first and last code point.
"""

from __future__ import annotations

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
