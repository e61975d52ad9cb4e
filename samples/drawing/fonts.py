"""The fonts that the samples are set in, all under free licences and packaged by Debian.

Needed only to redraw the committed images: ``apt-get install fonts-dejavu-core fonts-liberation fonts-lato
fonts-lobster fonts-bebas-neue fonts-wqy-microhei``. Tests that draw pages of their own do so anywhere: where a font is
not installed, one that Matplotlib carries stands in.
"""

from enum import Enum
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont


class Face(Enum):
    """A font file, looked up by its name in the system's font folders."""

    SANS = "Lato-Regular.ttf"
    SANS_BOLD = "Lato-Bold.ttf"
    SANS_BLACK = "Lato-Black.ttf"
    SERIF = "LiberationSerif-Regular.ttf"
    SERIF_BOLD = "LiberationSerif-Bold.ttf"
    POSTER = "BebasNeue-Bold.otf"
    SCRIPT = "lobster.otf"
    MONO = "DejaVuSansMono.ttf"
    MONO_BOLD = "DejaVuSansMono-Bold.ttf"
    TABLE = "DejaVuSans.ttf"
    HAN = "wqy-microhei.ttc"


# File, and the share of the asked size at which its Latin letters run as wide; there is none for Chinese.
_STAND_INS = {
    Face.SANS: ("DejaVuSans.ttf", 0.87),
    Face.SANS_BOLD: ("DejaVuSans-Bold.ttf", 0.79),
    Face.SANS_BLACK: ("DejaVuSans-Bold.ttf", 0.79),
    Face.SERIF: ("STIXGeneral.ttf", 1.0),
    Face.SERIF_BOLD: ("STIXGeneralBol.ttf", 1.0),
    Face.POSTER: ("DejaVuSans-Bold.ttf", 0.51),
    Face.SCRIPT: ("STIXGeneralBolIta.ttf", 0.93),
}


@lru_cache(maxsize=256)
def load(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """Return the face, or else its stand-in, at ``size`` pixels.

    Raises:
        OSError: neither is on this machine.
    """
    try:
        return _opened(face.value, size)
    except OSError:
        name, share = _STAND_INS.get(face, (face.value, 1.0))
        if not (carried() / name).is_file():
            raise
        return _opened(str(carried() / name), round(share * size))


def carried() -> Path:
    """Return the folder of the fonts that Matplotlib carries; it does not exist where Matplotlib is not installed."""
    package = find_spec("matplotlib")
    return Path(package.origin if package and package.origin else "").parent / "mpl-data" / "fonts" / "ttf"


def _opened(name: str, size: int) -> ImageFont.FreeTypeFont:
    # The basic engine is part of every Pillow; with Raqm, widths would depend on how Pillow was built.
    return ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)


def missing() -> list[str]:
    """Return the file names of the faces that are not installed, whether or not another one stands in."""
    absent = []
    for face in Face:
        try:
            _opened(face.value, 10)
        except OSError:
            absent.append(face.value)
    return absent
