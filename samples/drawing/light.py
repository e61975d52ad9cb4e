"""Gradients, glows, grain and the other things that make flat shapes look lit."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from samples.drawing.canvas import Canvas, Colour
from samples.drawing.geometry import Edges, Point

Stops = list[tuple[float, Colour]]
"""Colours along a gradient, each at a place from 0 to 1, in rising order."""


def ramp(stops: Stops, length: int) -> NDArray[np.uint8]:
    """Return ``length`` colours of a gradient, shape (length, 3)."""
    at = np.linspace(0.0, 1.0, length)
    places = [place for place, _ in stops]
    channels = [np.interp(at, places, [colour[k] for _, colour in stops]) for k in range(3)]
    return np.stack(channels, axis=1).astype(np.uint8)


def gradient(canvas: Canvas, edges: Edges, stops: Stops) -> None:
    """Fill an upright rectangle with a gradient that runs downwards."""
    x0, y0, x1, y1 = (round(edge * canvas.scale) for edge in edges)
    column = ramp(stops, y1 - y0)[:, None, :]
    canvas.image.paste(Image.fromarray(np.repeat(column, x1 - x0, axis=1)), (x0, y0))


def glow(canvas: Canvas, centre: Point, radii: tuple[float, float], colour: Colour, strength: float) -> None:
    """Add light around a point, ``strength`` (0 to 1) in the middle and nothing at the radii."""
    scale, (rx, ry) = canvas.scale, radii
    left, top = round((centre[0] - rx) * scale), round((centre[1] - ry) * scale)
    width, height = round(2 * rx * scale), round(2 * ry * scale)
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    falloff = np.clip(1 - (x * x + y * y), 0, 1) ** 2 * strength
    region = (left, top, left + width, top + height)
    under = np.asarray(canvas.image.crop(region), np.float32) / 255
    light = falloff[..., None].astype(np.float32) * np.array(colour[:3], np.float32) / 255
    # The screen blend never clips to a hard white disc the way a plain sum does.
    lit = 1 - (1 - under) * (1 - light)
    canvas.image.paste(Image.fromarray((lit * 255).astype(np.uint8)), (left, top))


def soft_shadow(canvas: Canvas, points: list[Point], blur: float, strength: float) -> None:
    """Darken a polygon with edges that fade over ``blur`` canvas units; strength 1 is black."""
    mask = Image.new("L", canvas.image.size, 0)
    scaled = [(x * canvas.scale, y * canvas.scale) for x, y in points]
    ImageDraw.Draw(mask).polygon(scaled, fill=round(255 * strength))
    canvas.image.paste((6, 6, 14), mask=mask.filter(ImageFilter.GaussianBlur(blur * canvas.scale)))


def vignette(image: Image.Image, strength: float) -> Image.Image:
    """Return the image with its corners darkened by up to ``strength`` (0 to 1)."""
    y, x = np.ogrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    factor = 1 - strength * np.clip((x * x + y * y) / 2, 0, 1) ** 1.5
    shaped = factor[..., None] if image.mode == "RGB" else factor
    return Image.fromarray((np.asarray(image, np.float32) * shaped).astype(np.uint8))


def grain(image: Image.Image, sigma: float, seed: int) -> Image.Image:
    """Return the image with sensor noise of ``sigma`` grey levels, the same for a seed each time."""
    noise = np.random.default_rng(seed).normal(0.0, sigma, (image.height, image.width))
    shaped = noise[..., None] if image.mode == "RGB" else noise
    return Image.fromarray(np.clip(np.asarray(image, np.float32) + shaped, 0, 255).astype(np.uint8))
