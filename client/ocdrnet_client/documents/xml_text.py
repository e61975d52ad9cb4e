"""Text as XML allows it, for hOCR and ALTO."""

from __future__ import annotations

import re
from importlib import metadata
from xml.sax.saxutils import escape, quoteattr

SYSTEM = "ocdrnet"
VERSION = metadata.version(SYSTEM)

# What is no Char of XML 1.0 (section 2.2), which no escape makes legal.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text: str) -> str:
    """A text without the characters that XML forbids: control characters, lone surrogates, U+FFFE and U+FFFF."""
    return _FORBIDDEN.sub("", text)


def content(text: str) -> str:
    """A text to stand between tags."""
    return escape(legal(text))


def attribute(text: str) -> str:
    """A text as a value with its quotes; line breaks and tabs in it survive a parser."""
    return quoteattr(legal(text))


def comment(text: str) -> str:
    """A comment of XML, HTML and Markdown that holds a text; two hyphens, which would end it, stand apart."""
    spaced = re.sub("-(?=-)", "- ", " ".join(legal(text).split()))
    return f"<!-- {spaced} -->"
