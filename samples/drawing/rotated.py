"""Paper labels at many angles, for the turning of crops and the order of a quad's corners."""

from samples.drawing.canvas import Canvas, Colour, Style, rounded_mask
from samples.drawing.fonts import Face
from samples.drawing.geometry import Point, rotated
from samples.drawing.light import glow, gradient, grain, vignette
from samples.drawing.sample import Sample

_INK: Colour = (44, 38, 52)
_PAPER: Colour = (250, 244, 230)
# Text, centre, clockwise angle, size, face, ink, paper.
_LABELS: list[tuple[str, Point, float, float, Face, Colour, Colour]] = [
    ("Handle with care", (300, 92), 0, 40, Face.SANS_BOLD, _INK, _PAPER),
    ("Express parcel", (640, 160), 15, 38, Face.SANS_BLACK, (255, 250, 240), (214, 74, 58)),
    ("Keep upright", (290, 270), -30, 38, Face.SERIF_BOLD, _INK, (246, 200, 92)),
    ("Room 47", (560, 345), 45, 38, Face.MONO_BOLD, _INK, (178, 222, 204)),
    ("LONDON PARIS", (852, 350), -90, 42, Face.POSTER, (255, 250, 240), (36, 62, 110)),
    ("MADRID 1958", (75, 330), 90, 42, Face.POSTER, (255, 250, 240), (90, 54, 104)),
    ("Gate B 12", (690, 500), -20, 40, Face.SANS_BLACK, (60, 30, 20), (250, 158, 92)),
    ("Return to sender", (350, 500), -8, 38, Face.SANS_BOLD, (186, 40, 44), _PAPER),
]


def draw() -> Sample:
    """Draw the labels on a teal board."""
    canvas = Canvas(920, 600, (0, 0, 0))
    gradient(canvas, (0, 0, 920, 600), [(0.0, (44, 138, 140)), (1.0, (20, 84, 98))])
    glow(canvas, (330, 200), (620, 460), (120, 210, 190), 0.35)
    for text, centre, degrees, size, face, ink, paper in _LABELS:
        label = _label(text, Style(face, size, ink), paper)
        quad = rotated(centre, label.width, label.height, degrees)
        canvas.place(label, quad, rounded_mask(label, 9), shadow=5)
    image = grain(vignette(canvas.finished(), 0.35), 2.0, seed=5)
    return Sample("rotated.jpg", image, canvas.lines, {"quality": 86})


def _label(text: str, style: Style, paper: Colour) -> Canvas:
    (left, _), _, (right, _), _ = Canvas(8, 8, paper).write(text, (0, 0), style).box
    width, height = round(right - left) + 64, round(style.size * 1.75)
    label = Canvas(width, height, paper)
    label.frame((5, 5, width - 5, height - 5), style.fill, 1.5, radius=6)
    label.write(text, (width / 2, height / 2 + style.size * 0.36), style, "m")
    return label
