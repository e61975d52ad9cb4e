"""An image under construction that remembers every line of text drawn on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from samples.drawing.fonts import Face, load
from samples.drawing.geometry import Edges, Point, Quad, homography, hull, rectangle
from samples.drawing.truth import Line, Word

Colour = tuple[int, int, int] | tuple[int, int, int, int]
"""Red, green, blue and, if the paint is translucent, alpha, each 0 to 255."""


@dataclass(frozen=True)
class Style:
    """How a line of text looks.

    Attributes:
        face: the font.
        size: em height in canvas units.
        fill: the ink.
        tracking: extra room after each character, in canvas units.
        shadow: colour of a copy drawn slightly below, if any.
    """

    face: Face
    size: float
    fill: Colour
    tracking: float = 0.0
    shadow: Colour | None = None


class Canvas:
    """An RGB image measured in units of the final pixel and drawn ``scale`` times larger.

    Drawing larger and reducing once at the end smooths every edge, Pillow's shapes having no antialiasing.
    """

    def __init__(self, width: int, height: int, background: Colour, scale: int = 2) -> None:
        self.width, self.height, self.scale = width, height, scale
        self.image = Image.new("RGB", (width * scale, height * scale), background[:3])
        self.lines: list[Line] = []

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""
        self._draw().polygon([(x * self.scale, y * self.scale) for x, y in points], fill=fill)

    def box(self, edges: Edges, fill: Colour, radius: float = 0) -> None:
        """Fill an upright rectangle, its corners rounded by ``radius``."""
        self._draw().rounded_rectangle(self._pixels(edges), radius * self.scale, fill=fill)

    def disc(self, centre: Point, rx: float, ry: float, fill: Colour) -> None:
        """Fill an upright ellipse."""
        x, y = centre
        edges = [(x - rx) * self.scale, (y - ry) * self.scale, (x + rx) * self.scale, (y + ry) * self.scale]
        self._draw().ellipse(edges, fill=fill)

    def stroke(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """Draw a line through the points."""
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        self._draw().line(scaled, fill=fill, width=max(1, round(width * self.scale)), joint="curve")

    def frame(self, edges: Edges, colour: Colour, width: float, radius: float = 0) -> None:
        """Draw the outline of a rounded rectangle, inside its edges."""
        corner, thickness = radius * self.scale, max(1, round(width * self.scale))
        self._draw().rounded_rectangle(self._pixels(edges), corner, outline=colour, width=thickness)

    def write(self, text: str, at: Point, style: Style, align: str = "l") -> Line:
        """Draw a line of text, note its truth and return it.

        Args:
            text: words with one space between them.
            at: a point of the baseline, in canvas units.
            style: the look.
            align: whether the point is the left end (``l``), the middle (``m``) or the right end (``r``).
        """
        width = self._advance(text, style)
        left = at[0] * self.scale - {"l": 0.0, "m": 0.5, "r": 1.0}[align] * width
        words = []
        for start, word in _words(text):
            origin = (left + self._advance(text[:start], style), at[1] * self.scale)
            words.append(self._word(word, origin, style))
        line = Line(tuple(words), hull([word.box for word in words]))
        self.lines.append(line)
        return line

    def place(self, layer: "Canvas", quad: Quad, mask: Image.Image | None = None, shadow: float = 0.0) -> None:
        """Paint another canvas into a quad of this one, in perspective, and take over its lines.

        Args:
            layer: the image to paint.
            quad: where its corners go, from its top left corner clockwise.
            mask: an ``L`` image of the layer's size that says where it is opaque; all of it by default.
            shadow: how far the layer's soft shadow falls to the lower right, in canvas units.
        """
        source = rectangle(0, 0, layer.width, layer.height)
        opaque = mask.copy() if mask else Image.new("L", layer.image.size, 255)
        # A transparent rim lets the bicubic filter smooth the edges, which would otherwise end in steps.
        right, bottom = opaque.width - 1, opaque.height - 1
        ImageDraw.Draw(opaque).rectangle([0, 0, right, bottom], outline=0)
        matrix = homography(self._scaled(quad), rectangle(0, 0, *layer.image.size))
        coefficients = tuple(float(value) for value in matrix.ravel()[:8])
        size, way, bicubic = self.image.size, Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
        # Pillow gives the outside of the source the value 0, which in the mask means: leave as it is.
        cover = opaque.transform(size, way, coefficients, bicubic)
        if shadow:
            self._shade(cover, shadow)
        self.image.paste(layer.image.transform(size, way, coefficients, bicubic), mask=cover)
        forward = homography(source, quad)
        self.lines += [line.moved(forward) for line in layer.lines]

    def finished(self) -> Image.Image:
        """Return the image reduced to its final size."""
        return self.image.resize((self.width, self.height), Image.Resampling.LANCZOS)

    def _draw(self) -> ImageDraw.ImageDraw:
        # In mode RGBA on an RGB image Pillow blends translucent paint instead of replacing what is there.
        return ImageDraw.Draw(self.image, "RGBA")

    def _pixels(self, edges: Edges) -> Edges:
        left, top, right, bottom = (edge * self.scale for edge in edges)
        # Pillow counts the last column and row as part of a shape.
        return (left, top, right - 1, bottom - 1)

    def _scaled(self, quad: Quad) -> Quad:
        a, b, c, d = ((x * self.scale, y * self.scale) for x, y in quad)
        return (a, b, c, d)

    def _advance(self, text: str, style: Style) -> float:
        font = load(style.face, round(style.size * self.scale))
        return float(font.getlength(text)) + len(text) * style.tracking * self.scale

    def _word(self, word: str, origin: Point, style: Style) -> Word:
        font = load(style.face, round(style.size * self.scale))
        draw, inks = self._draw(), []
        # Set as one piece where possible: kerning is lost between pieces.
        for start, piece in enumerate(word) if style.tracking else [(0, word)]:
            at = (round(origin[0] + self._advance(word[:start], style)), round(origin[1]))
            if style.shadow:
                drop = max(1, round(style.size * self.scale * 0.045))
                draw.text((at[0] + drop, at[1] + drop), piece, font=font, fill=style.shadow, anchor="ls")
            draw.text(at, piece, font=font, fill=style.fill, anchor="ls")
            left, top, right, bottom = draw.textbbox(at, piece, font=font, anchor="ls")
            inks.append(rectangle(*(edge / self.scale for edge in (left, top, right, bottom))))
        return Word(word, hull(inks))

    def _shade(self, cover: Image.Image, distance: float) -> None:
        reach = round(distance * self.scale)
        soft = Image.new("L", cover.size, 0)
        soft.paste(cover.point(lambda value: value * 0.55), (reach, reach))
        self.image.paste((10, 8, 16), mask=soft.filter(ImageFilter.GaussianBlur(reach)))


def rounded_mask(layer: Canvas, radius: float) -> Image.Image:
    """Return a mask that keeps a layer but for its rounded corners."""
    mask = Image.new("L", layer.image.size, 0)
    right, bottom = mask.width - 1, mask.height - 1
    ImageDraw.Draw(mask).rounded_rectangle([0, 0, right, bottom], radius * layer.scale, fill=255)
    return mask


def outline_mask(layer: Canvas, points: Sequence[Point]) -> Image.Image:
    """Return a mask that keeps what a polygon of the layer encloses."""
    mask = Image.new("L", layer.image.size, 0)
    ImageDraw.Draw(mask).polygon([(x * layer.scale, y * layer.scale) for x, y in points], fill=255)
    return mask


def _words(text: str) -> list[tuple[int, str]]:
    found, start = [], 0
    for word in text.split(" "):
        found.append((start, word))
        start += len(word) + 1
    return found
