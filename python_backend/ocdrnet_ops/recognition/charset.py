"""Characters that a request lets the recognizer read: named sets by Unicode ranges, or the characters themselves.

Grammar of the option: `all`; a name of `SETS`; several joined by `+` (`latin+greek`), the later parts also characters
(`digits+-/`); or characters alone (`0123456789-/`). The space is always allowed, and so are the classes that are no
characters: the CTC blank, or `[GO]` and `[s]` of an attention decoder.
"""

from __future__ import annotations

import difflib
import functools
import unicodedata
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ocdrnet_ops.cards import RecognizerCard
from ocdrnet_ops.errors import OptionError
from ocdrnet_ops.options import shown
from ocdrnet_ops.recognition.decoding import BLANK, FIRST_CHARACTER
from ocdrnet_ops.scripts import HAN, Ranges

ALL = "all"
KEPT_CHARSETS = 64  # of each recognizer, so that a repeated one costs nothing
MOST_NAMED = 20  # characters in a message

Mask: TypeAlias = npt.NDArray[np.bool_]

_DIGITS: Ranges = ((0x30, 0x39),)
_UPPERCASE: Ranges = ((0x41, 0x5A),)
_LOWERCASE: Ranges = ((0x61, 0x7A),)
# What a text of any script may hold: digits, ASCII punctuation, Latin-1's signs, general punctuation, raised
# and lowered digits, currency, and the letter-like and mathematical signs of everyday print.
_COMMON: Ranges = (
    (0x20, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xA0, 0xA9), (0xAB, 0xB9), (0xBB, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7),
    (0x2010, 0x2027), (0x2030, 0x205E), (0x2070, 0x208E), (0x20A0, 0x20CF), (0x2103, 0x2103), (0x2109, 0x2109),
    (0x2113, 0x2113), (0x2116, 0x2117), (0x2120, 0x2122), (0x212E, 0x212E), (0x2212, 0x2212), (0x2248, 0x2248),
    (0x2260, 0x2260), (0x2264, 0x2265),
)  # fmt: skip
_IDEOGRAPHS: Ranges = (*HAN, (0x3005, 0x3007))
_EAST_ASIAN: Ranges = (*_COMMON, (0x3000, 0x303F), (0xFF01, 0xFF65), (0xFFE0, 0xFFEE))  # its punctuation, full width


@dataclass(frozen=True)
class CharacterSet:
    """A named set.

    Attributes:
        own: what makes the set; a recognizer must know some of it.
        also: what stands between such characters in print.
    """

    own: Ranges
    also: Ranges = ()


SETS: dict[str, CharacterSet] = {
    "digits": CharacterSet(_DIGITS),
    "uppercase": CharacterSet(_UPPERCASE),
    "lowercase": CharacterSet(_LOWERCASE),
    "letters": CharacterSet(_UPPERCASE + _LOWERCASE),
    "alphanumeric": CharacterSet(_DIGITS + _UPPERCASE + _LOWERCASE),
    "ascii": CharacterSet(((0x20, 0x7E),)),
    "latin": CharacterSet(
        (*_UPPERCASE, *_LOWERCASE, (0xAA, 0xAA), (0xBA, 0xBA), (0xC0, 0xD6), (0xD8, 0xF6), (0xF8, 0x24F),
         (0x1E00, 0x1EFF), (0xFB00, 0xFB06)),
        _COMMON,
    ),
    "greek": CharacterSet(((0x370, 0x3FF), (0x1F00, 0x1FFF)), _COMMON),
    "cyrillic": CharacterSet(((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)), _COMMON),
    "chinese": CharacterSet(_IDEOGRAPHS, (*_EAST_ASIAN, (0x3100, 0x312F), (0x31A0, 0x31BF))),
    "japanese": CharacterSet(
        ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F)), (*_IDEOGRAPHS, *_EAST_ASIAN)
    ),
    "korean": CharacterSet(((0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3130, 0x318F)), _EAST_ASIAN),
    "arabic": CharacterSet(
        ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)), _COMMON
    ),
    "hebrew": CharacterSet(((0x590, 0x5FF), (0xFB1D, 0xFB4F)), _COMMON),
    "thai": CharacterSet(((0xE00, 0xE7F),), _COMMON),
    "devanagari": CharacterSet(((0x900, 0x97F), (0xA8E0, 0xA8FF)), _COMMON),
    "tamil": CharacterSet(((0xB80, 0xBFF),), _COMMON),
    "telugu": CharacterSet(((0xC00, 0xC7F),), _COMMON),
    "kannada": CharacterSet(((0xC80, 0xCFF),), _COMMON),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Charset:
    """What a recognizer may answer.

    Attributes:
        allowed: bool [classes], by id.
        ids: int32 [K], the allowed ids, ascending; the blank, or `[GO]` and `[s]`, are the first.
    """

    allowed: Mask
    ids: npt.NDArray[np.int32]


class Charsets:
    """The charsets of one recognizer; those asked for last are kept, each as one object."""

    def __init__(self, card: RecognizerCard) -> None:
        self._name = card.name
        self._characters = card.characters
        self._known = frozenset(card.characters)
        # A character of several code points belongs where its first does.
        self._points = np.array([ord(character[0]) if character else -1 for character in card.characters])
        self._special = FIRST_CHARACTER if card.decoder == "attention" else BLANK + 1
        self._kept = functools.lru_cache(KEPT_CHARSETS)(self._made)

    def find(self, charset: str) -> Charset | None:
        """What an option allows; None where that is everything.

        Raises:
            OptionError: the recognizer has no character of a named set, lacks one of those that are given themselves,
                or the text is a name misspelt.
        """
        return self._kept(charset)

    def restrict(self, charset: str, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Ids of a recognizer that may not have known of the option; see `blank_disallowed`. Errors as of `find`."""
        found = self.find(charset)
        return blank_disallowed(ids, found.allowed) if found else ids

    def characters(self, charset: str) -> Mask:
        """Which of the card's characters an option allows: bool [characters]; errors as of `find`."""
        parts = _parts(charset)
        if ALL in parts:
            return np.ones(len(self._characters), np.bool_)
        masks = [self._named(part) if part in SETS else self._given(part, charset) for part in parts]
        mask: Mask = np.logical_or.reduce([self._points == ord(" "), *masks])
        return mask

    def _made(self, charset: str) -> Charset | None:
        characters = self.characters(charset)
        if characters.all():
            return None
        allowed = np.concatenate([np.ones(self._special, np.bool_), characters])
        return Charset(allowed, np.flatnonzero(allowed).astype(np.int32))

    def _named(self, name: str) -> Mask:
        found = SETS[name]
        own = self._within(found.own)
        if not own.any():
            raise OptionError(f"charset is {shown(name)}; the recognizer {self._name} has no character of that set")
        return own | self._within(found.also)

    def _within(self, ranges: Ranges) -> Mask:
        mask = np.zeros(len(self._points), np.bool_)
        for low, high in ranges:
            mask |= (self._points >= low) & (self._points <= high)
        return mask

    def _given(self, text: str, charset: str) -> Mask:
        wanted = frozenset(text)
        missing = [character for character in dict.fromkeys(text) if character not in self._known | {" "}]
        if missing:
            more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
            named = ", ".join(map(repr, missing[:MOST_NAMED])) + more
            raise OptionError(
                f"charset is {shown(charset)}; the recognizer {self._name} does not know {named}. "
                f"Give characters that it knows, or sets: {ALL}, {', '.join(SETS)}"
            )
        return np.fromiter((character in wanted for character in self._characters), np.bool_, len(self._characters))


def blank_disallowed(ids: npt.NDArray[np.int32], allowed: Mask) -> npt.NDArray[np.int32]:
    """Ids with 0 wherever the best one is not allowed: a CTC blank, or a `[GO]` that the attention decoder skips.

    The second best class of such a step is not known any more, so this leaves out what the graph, asked for the best
    allowed class, would read as something else. It changes nothing behind such a graph.

    Args:
        ids: int32 of any shape. One that the list does not reach to stays: it is an error of the card.
        allowed: bool [classes].
    """
    fine = allowed.take(ids, mode="clip") | (ids >= len(allowed))
    return ids if fine.all() else np.where(fine, ids, np.int32(BLANK))


def _parts(charset: str) -> list[str]:
    """Names, and characters, whose union is meant."""
    text = unicodedata.normalize("NFC", charset)
    parts = text.split("+")
    if (first := _name(parts[0])) is None:
        return [_not_misspelt(text)]
    # `digits+-` is digits and a minus, `digits++-` also a plus.
    return [first, *(_name(part) or _not_misspelt(part or "+") for part in parts[1:])]


def _name(part: str) -> str | None:
    word = part.strip().lower()
    return word if word in SETS or word == ALL else None


def _not_misspelt(text: str) -> str:
    """The text, unless it looks like a name that it is not: `digit` would be the four characters d, i, g and t."""
    close = difflib.get_close_matches(text.strip().lower(), (ALL, *SETS), 1, 0.75) if len(text) < 16 else []
    if close:
        raise OptionError(
            f"charset is {shown(text)}, which is no set, but {close[0]} is. Sets are {ALL}, {', '.join(SETS)}"
        )
    return text
