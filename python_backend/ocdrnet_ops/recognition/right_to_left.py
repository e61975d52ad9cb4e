"""Arabic and Hebrew: from the order in which characters stand in the image to the order in which they are read.

A CTC recognizer reads a crop from its left to its right, so what it answers is in visual order. PaddleOCR reverses the
answers of its Arabic recognizer (`pred_reverse` in `rec_postprocess.py`), RapidOCR applies the bidirectional algorithm
to them (`reorder_bidi_for_display`). Here the levels of that algorithm (Unicode Standard Annex 9: rules W4, W5, W7, N1
and L2, for the two directions of one line) are found on the visual order, and its reversals are undone. What visual
order does not tell, such as whether a number belongs to the Latin words at its right, is taken as it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ocdrnet_ops.recognition.character_spans import in_order
from ocdrnet_ops.recognition.words import LineSegment, WordSpan

# Blocks of the Unicode standard whose letters are read from right to left, Hebrew and Arabic with their forms first.
_ANY = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_RIGHT_TO_LEFT = ("R", "AL")
_NUMBERS = ("EN", "AN")
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("«", "»"), ("‹", "›"))


def is_right_to_left(text: str) -> bool:
    """Whether a text is read from right to left: at least as many of its words are as are not."""
    classes = _classes(text) if _ANY.search(text) else []
    return any(found in _RIGHT_TO_LEFT for found in classes) and _leads(classes)


def logical_order(visual: str) -> list[int]:
    """Places in the visual order of the characters as they are read.

    Args:
        visual: from left to right, as in the image.
    """
    places = list(range(len(visual)))
    if not _ANY.search(visual):  # nearly every line: no class is looked up
        return places
    classes = _classes(visual)
    if not any(found in _RIGHT_TO_LEFT for found in classes):
        return places
    if _leads(classes):
        return _reversed(places, _left_to_right(classes))
    for first, last in _islands(classes):
        places[first:last] = _reversed(places[first:last], _left_to_right(classes[first:last]))
    return places


def to_logical(segment: LineSegment) -> tuple[LineSegment, list[int]]:
    """A segment whose text and words are in the order in which they are read; each word's place stays what it is.

    Returns:
        The segment, and which of the old words each of the new ones is.
    """
    order, unchanged = logical_order(segment.text), list(range(len(segment.words)))
    if order == sorted(order):
        return segment, unchanged
    fixed = _opened_first(segment.text, order)
    rank = {place: position for position, place in enumerate(order)}
    words: list[WordSpan] = []
    ranks: list[int] = []
    end = 0
    for word in segment.words:
        start = segment.text.index(word.text, end)
        end = start + len(word.text)
        own = sorted(range(start, end), key=rank.__getitem__)
        characters = in_order(word.characters, (place - start for place in own)) if word.characters else ()
        words.append(replace(word, text="".join(fixed[place] for place in own), characters=characters))
        ranks.append(rank[own[0]])
    places = sorted(unchanged, key=ranks.__getitem__)
    text = "".join(fixed[place] for place in order)
    return replace(segment, text=text, words=tuple(words[place] for place in places)), places


def _classes(text: str) -> list[str]:
    """Bidirectional class of each character; marks have that of the letter they belong to, at their right or left."""
    classes = [unicodedata.bidirectional(character) for character in text]
    for index in reversed(range(len(classes))):
        if classes[index] == "NSM":
            after = classes[index + 1] if index + 1 < len(classes) else ""
            before = next((found for found in classes[index - 1 :: -1] if found != "NSM"), "") if index else ""
            classes[index] = after if after in _RIGHT_TO_LEFT else before
    for index in range(1, len(classes) - 1):  # W4: one separator between two numbers
        around = classes[index - 1], classes[index + 1]
        if classes[index] in ("CS", "ES") and around[0] in _NUMBERS and around[1] in _NUMBERS:
            classes[index] = around[0]
    for steps in (range(1, len(classes)), range(len(classes) - 2, -1, -1)):  # W5: signs beside a number
        for index in steps:
            if classes[index] == "ET" and classes[index - 1 if steps.step > 0 else index + 1] == "EN":
                classes[index] = "EN"
    return classes


def _leads(classes: Sequence[str]) -> bool:
    """Whether as many words begin with letters from right to left as with others: a long address is one word, too."""
    words: list[str] = []
    is_open = True
    for found in classes:
        if found in (*_RIGHT_TO_LEFT, "L") and is_open:
            words.append(found)
            is_open = False
        is_open |= found == "WS"
    return sum(found in _RIGHT_TO_LEFT for found in words) >= words.count("L")


def _left_to_right(classes: Sequence[str]) -> list[bool]:
    """Which characters keep their order within a text from right to left: numbers, and words of other scripts."""
    kept = [found == "L" or found in _NUMBERS for found in classes]
    last: int | None = None  # of a stretch of Latin letters, which goes on over spaces to letters and numbers
    for index, found in enumerate(classes):
        if found in _RIGHT_TO_LEFT:
            last = None
        elif found == "L" or (found in _NUMBERS and last is not None):
            if last is not None:
                kept[last:index] = [True] * (index - last)
            last = index
    return kept


def _islands(classes: Sequence[str]) -> list[tuple[int, int]]:
    """First and last place, exclusive, of each stretch from right to left within a text from left to right."""
    islands: list[tuple[int, int]] = []
    parted = True
    for index, found in enumerate(classes):
        if found in _RIGHT_TO_LEFT:
            islands[len(islands) - (not parted) :] = [(index if parted else islands[-1][0], index + 1)]
            parted = False
        parted |= found == "L"
    return islands


def _reversed(places: Sequence[int], kept: Sequence[bool]) -> list[int]:
    """All of it backwards, but each stretch of what is kept as it stands."""
    order: list[int] = []
    stretch: list[int] = []
    for place, is_kept in zip(reversed(places), reversed(kept), strict=True):
        if is_kept:
            stretch.insert(0, place)
            continue
        order += [*stretch, place]
        stretch = []
    return order + stretch


def _opened_first(visual: str, order: Sequence[int]) -> list[str]:
    """The characters, with pairs of brackets the right way round.

    A bracket that opens a text from right to left looks like one that closes. Whether a recognizer calls it by its look
    or by its meaning is a matter of its training; a pair that closes before it opens was called by its look.
    """
    fixed = list(visual)
    turned = {place for pair in pairwise(order) if pair[1] < pair[0] for place in pair}
    for opening, closing in _PAIRS:
        own = [place for place in order if visual[place] in (opening, closing) and place in turned]
        if any(visual[place] == opening for place in own) and visual[own[0]] == closing:
            for place in own:
                fixed[place] = opening if visual[place] == closing else closing
    return fixed
