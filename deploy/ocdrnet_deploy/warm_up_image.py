"""An image to try a server or a network with."""

import io

from PIL import Image, ImageDraw, ImageFont

_WORDS = ("The first", "picture warms", "every step", "0123456789", "12:30")


def warm_up_image() -> bytes:
    """A JPEG with a few words in sizes from small print to a sign's."""
    image = Image.new("RGB", (1280, 720), "white")
    draw = ImageDraw.Draw(image)
    for index, word in enumerate(_WORDS):
        draw.text((80, 60 + 120 * index), word, fill="black", font=ImageFont.load_default(size=24 + 16 * index))
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()
