"""The fonts that the samples are set in, all under free licences and packaged by Debian.

Needed only to redraw: ``apt-get install fonts-dejavu-core fonts-liberation fonts-lato fonts-lobster
fonts-bebas-neue fonts-wqy-microhei``.
"""

from enum import Enum
from functools import lru_cache

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


@lru_cache(maxsize=256)
def load(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """Return the face at ``size`` pixels.

    Raises:
        OSError: the font is not installed.
    """
    # The basic engine is part of every Pillow; with Raqm, widths would depend on how Pillow was built.
    return ImageFont.truetype(face.value, size, layout_engine=ImageFont.Layout.BASIC)


def missing() -> list[str]:
    """Return the file names of the faces that are not installed."""
    absent = []
    for face in Face:
        try:
            load(face, 10)
        except OSError:
            absent.append(face.value)
    return absent
