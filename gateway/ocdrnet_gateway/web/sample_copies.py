"""Makes the page's copies of the sample images: `python -m ocdrnet_gateway.web.sample_copies SAMPLES_FOLDER`.

An installed wheel has no `samples/` folder, so the package carries its own copies, as WebP: a photograph at quality 80,
a drawing without loss, beside each a small image for its button.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).parent / "static" / "samples"
SOURCES = ("storefront.jpg", "receipt.jpg", "page.png", "languages.png", "rotated.jpg")
_BUTTON = (320, 240)  # pixels: twice a button's size, for dense screens
_BUTTON_QUALITY = 70


def copy_name(source: str) -> str:
    """The file name of a sample's copy."""
    return f"{Path(source).stem}.webp"


def button_name(source: str) -> str:
    """The file name of the image on a sample's button."""
    return f"{Path(source).stem}-small.webp"


def write_copies(samples: Path, folder: Path = FOLDER) -> None:
    """Write a copy and a button's image of every sample.

    Args:
        samples: the folder that holds `SOURCES`.
        folder: where to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        with Image.open(samples / source) as opened:
            picture = opened.convert("RGB")
        picture.save(folder / copy_name(source), lossless=source.endswith(".png"), quality=80, method=6)
        _button(picture).save(folder / button_name(source), quality=_BUTTON_QUALITY, method=6)


def _button(picture: Image.Image) -> Image.Image:
    """The top of the image, over its whole width, in the button's shape."""
    width, height = _BUTTON
    part = picture.crop((0, 0, picture.width, min(picture.height, round(picture.width * height / width))))
    return part.resize((width, round(width * part.height / part.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    write_copies(Path(sys.argv[1]))
