"""Code blocks of a Markdown text that are marked to be run: `<!-- test: NAME -->` on the line before the fence."""

import re
from dataclasses import dataclass

_MARKED = re.compile(
    r"^<!-- test: (?P<name>[^\n]+?) -->\n```(?P<language>\w+)\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A marked block; `language` is what stands behind the fence."""

    name: str
    language: str
    code: str


def marked_blocks(markdown):
    return [Block(**match.groupdict()) for match in _MARKED.finditer(markdown)]
