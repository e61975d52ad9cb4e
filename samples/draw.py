"""Redraw every sample image and its truth: ``python -m samples.draw [FOLDER]`` from the repository's root.

Needs Pillow, NumPy and the fonts listed in `samples.drawing.fonts`.
"""

import sys
from pathlib import Path

from samples.drawing import blank, fonts, languages, page, receipt, rotated, storefront
from samples.evaluation.scenes import SCENES

_DRAWINGS = (storefront.draw, receipt.draw, page.draw, languages.draw, rotated.draw, blank.draw)


def main() -> None:
    """Write the samples to the folder named on the command line, or over those beside this file.

    Raises:
        SystemExit: a font is not installed, or a folder too many is named.
    """
    if len(sys.argv) > 2:
        sys.exit("usage: python -m samples.draw [FOLDER]")
    if absent := fonts.missing():
        sys.exit(f"fonts not installed: {', '.join(absent)}")
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else Path(__file__).parent
    for draw in _DRAWINGS:
        sample = draw()
        sample.save(folder)
        print(f"{sample.name}: {len(sample.lines)} lines")
    for scene in SCENES:
        picture = scene()
        picture.save(folder / "evaluation")
        print(f"evaluation/{picture.name}: {len(picture.lines)} lines")


if __name__ == "__main__":
    main()
