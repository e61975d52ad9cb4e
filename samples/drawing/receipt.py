"""A scanned till receipt: small type in two columns, slightly askew, with grain and uneven light."""

from samples.drawing.canvas import Canvas, Colour, Style, outline_mask
from samples.drawing.fonts import Face
from samples.drawing.geometry import Point, rotated
from samples.drawing.light import glow, gradient, grain
from samples.drawing.sample import Sample

_INK: Colour = (46, 46, 54)
_WIDTH, _HEIGHT = 560, 1000
_ITEMS = [
    ("2 Flat white", "7.60"),
    ("1 Espresso", "2.40"),
    ("1 Pot of tea", "3.90"),
    ("3 Butter croissant", "8.25"),
    ("1 Tomato soup", "6.50"),
    ("1 Rye sandwich", "7.80"),
    ("2 Apple cake", "9.00"),
]
_TOTALS = [("Subtotal", "45.45"), ("Service 10%", "4.55")]


def draw() -> Sample:
    """Draw the receipt and lay it, turned by 1.4 degrees, on a scanner's lid."""
    canvas = Canvas(720, 1100, (0, 0, 0))
    gradient(canvas, (0, 0, 720, 1100), [(0.0, (150, 151, 156)), (1.0, (126, 127, 132))])
    paper = _paper()
    quad = rotated((362, 548), _WIDTH, _HEIGHT, 1.4)
    canvas.place(paper, quad, outline_mask(paper, _torn()), shadow=6)
    image = grain(canvas.finished().convert("L"), 3.0, seed=3)
    return Sample("receipt.jpg", image, canvas.lines, {"quality": 80})


def _paper() -> Canvas:
    paper = Canvas(_WIDTH, _HEIGHT, (0, 0, 0))
    gradient(
        paper,
        (0, 0, _WIDTH, _HEIGHT),
        [(0.0, (240, 239, 236)), (0.45, (228, 227, 223)), (1.0, (238, 237, 233))],
    )
    glow(paper, (180, 260), (380, 420), (255, 255, 250), 0.5)
    # Two folds, each a dark edge beside a light one.
    for y in (352.0, 690.0):
        paper.box((0, y, _WIDTH, y + 2), (60, 60, 60, 26))
        paper.box((0, y + 2, _WIDTH, y + 4), (255, 255, 255, 120))
    _head(paper)
    bottom = _amounts(paper, 316)
    _foot(paper, bottom)
    return paper


def _head(paper: Canvas) -> None:
    middle = _WIDTH / 2
    paper.write("The Copper Kettle", (middle, 84), Style(Face.SCRIPT, 50, _INK), "m")
    paper.write("27 Harbour Street", (middle, 130), Style(Face.MONO, 24, _INK), "m")
    paper.write("Tel 555 0142", (middle, 164), Style(Face.MONO, 24, _INK), "m")
    _row(paper, "09/05/2025", "18:42", 218)
    _row(paper, "Table 12", "No. 004917", 252)
    _rule(paper, 274)


def _amounts(paper: Canvas, top: float) -> float:
    y = top
    for name, price in _ITEMS:
        _row(paper, name, price, y)
        y += 38
    _rule(paper, y - 18)
    y += 20
    for name, price in _TOTALS:
        _row(paper, name, price, y)
        y += 38
    _row(paper, "TOTAL", "$50.00", y + 14, size=36, face=Face.MONO_BOLD)
    _rule(paper, y + 36)
    return y + 36


def _foot(paper: Canvas, top: float) -> None:
    _row(paper, "Card", "Visa 4821", top + 42)
    paper.write("Thank you for your visit", (_WIDTH / 2, top + 100), Style(Face.MONO_BOLD, 25, _INK), "m")
    x = 110.0
    for index in range(58):
        width = (1.5, 3.0, 4.5, 2.0)[(index * 7 + index // 3) % 4]
        paper.box((x, top + 130, x + width, top + 190), _INK)
        x += width + (2.0, 3.5, 2.5)[(index * 5) % 3]
    paper.write("5 012345 678900", (_WIDTH / 2, top + 220), Style(Face.MONO, 24, _INK), "m")


def _row(paper: Canvas, left: str, right: str, y: float, *, size: float = 25, face: Face = Face.MONO) -> None:
    # Two lines, not one: a text detector takes the wide gap for the end of a line.
    paper.write(left, (44, y), Style(face, size, _INK))
    paper.write(right, (_WIDTH - 44, y), Style(face, size, _INK), "r")


def _rule(paper: Canvas, y: float) -> None:
    for x in range(44, _WIDTH - 44, 12):
        paper.box((x, y, x + 7, y + 1.5), (90, 90, 96))


def _torn() -> list[Point]:
    teeth: list[Point] = [(float(x), _HEIGHT - (0.0 if x % 28 else 9.0)) for x in range(_WIDTH, -1, -14)]
    return [(0.0, 0.0), (float(_WIDTH), 0.0), *teeth]
