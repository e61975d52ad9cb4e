"""A finished sample and how it is stored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from samples.drawing.truth import Line


@dataclass(frozen=True)
class Sample:
    """An image with its truth.

    Attributes:
        name: the image's file name.
        image: the pixels.
        lines: the text on it, in the order it was drawn.
        options: what Pillow's writer is told.
    """

    name: str
    image: Image.Image
    lines: list[Line]
    options: Mapping[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the image and, beside it, its truth."""
        self.image.save(folder / self.name, optimize=True, **self.options)
        (folder / self.name).with_suffix(".json").write_text(self.truth(), encoding="utf-8")

    def truth(self) -> str:
        """Return the content of the JSON file, one line of text to a line."""
        size = f'"width": {self.image.width},\n  "height": {self.image.height}'
        entries = [json.dumps(line.to_dict(), ensure_ascii=False) for line in self.lines]
        listed = "\n    " + ",\n    ".join(entries) + "\n  " if entries else ""
        return f'{{\n  "image": "{self.name}",\n  {size},\n  "lines": [{listed}]\n}}\n'
