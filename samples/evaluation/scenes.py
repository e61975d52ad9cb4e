"""The set's six scenes: small, and harder than the demo's samples, so that a change for the worse shows."""

import numpy as np
from PIL import Image, ImageFilter

from samples.drawing.canvas import Canvas, Colour, Style
from samples.drawing.fonts import Face
from samples.drawing.geometry import Quad, rotated
from samples.drawing.light import Stops, glow, gradient, grain, vignette
from samples.evaluation.picture import Picture, even_words

_WHITE: Colour = (248, 246, 238)
_INK: Colour = (38, 36, 44)
# A cheap camera in poor light: radius in pixels, and grey levels.
_BLUR, _GRAIN = 1.6, 10.0
_STOPS = [
    ("Harbour", "07:12", "07:42", "08:12"),
    ("Museum", "07:19", "07:49", "08:19"),
    ("Old Bridge", "07:26", "07:56", "08:26"),
    ("Hospital", "07:33", "08:03", "08:33"),
    ("University", "07:40", "08:10", "08:40"),
    ("Airport", "07:58", "08:28", "08:58"),
]
_BOOKS: list[tuple[str, float, Face, Colour, Colour]] = [
    ("Gardens of Lisbon", 56, Face.SERIF_BOLD, (120, 40, 44), (240, 214, 150)),
    ("WINTER LIGHT", 48, Face.POSTER, (30, 60, 92), _WHITE),
    ("Bread and Salt", 62, Face.SCRIPT, (224, 210, 180), (80, 44, 30)),
    ("ATLAS 1911", 70, Face.SANS_BLACK, (34, 74, 58), (238, 200, 110)),
    ("Short Stories", 44, Face.SANS_BOLD, (196, 120, 60), _INK),
    ("NORTH SEA", 66, Face.SANS_BLACK, (60, 64, 76), (150, 200, 220)),
]


def timetable() -> Picture:
    """A bus stop's timetable in small type, with fine print that counts neither way."""
    canvas = _canvas([(0.0, (120, 150, 160)), (1.0, (70, 86, 96))])
    sheet = Canvas(440, 330, (238, 238, 230))
    sheet.box((0, 0, 440, 58), (28, 74, 132))
    sheet.write("Line 47", (22, 40), Style(Face.SANS_BLACK, 32, _WHITE))
    sheet.write("Monday to Friday", (418, 38), Style(Face.SANS_BOLD, 18, _WHITE), "r")
    for row, (stop, *times) in enumerate(_STOPS):
        y = 92 + 34 * row
        sheet.write(stop, (22, y), Style(Face.SANS_BOLD, 19, _INK))
        for column, time in enumerate(times):
            sheet.write(time, (250 + 84 * column, y), Style(Face.TABLE, 17, _INK), "m")
        sheet.box((16, y + 10, 424, y + 11), (170, 170, 166))
    sheet.write("No service on public holidays", (22, 304), Style(Face.SANS, 15, (90, 90, 96)))
    sheet.write("printed by the transport office", (418, 322), Style(Face.SANS, 6.5, (120, 120, 124)), "r")
    _place(canvas, sheet, ((92, 36), (556, 54), (548, 388), (84, 372)))
    return _finished("timetable", canvas, seed=11)


def posters() -> Picture:
    """Two posters on a wall seen from the side."""
    canvas = _canvas([(0.0, (150, 108, 88)), (1.0, (96, 70, 62))])
    concert = Canvas(240, 320, (30, 28, 66))
    gradient(concert, (0, 0, 240, 320), [(0.0, (30, 28, 66)), (1.0, (150, 50, 84))])
    concert.write("SUMMER", (120, 74), Style(Face.POSTER, 58, (255, 222, 140)), "m")
    concert.write("CONCERT", (120, 130), Style(Face.POSTER, 54, _WHITE), "m")
    concert.write("Riverside Park", (120, 206), Style(Face.SANS_BOLD, 27, _WHITE), "m")
    concert.write("Saturday 14 June", (120, 244), Style(Face.SANS_BOLD, 23, _WHITE), "m")
    concert.write("free entry", (120, 292), Style(Face.SCRIPT, 34, (255, 222, 140)), "m")
    _place(canvas, concert, ((60, 62), (270, 22), (270, 398), (60, 340)))
    sale = Canvas(240, 320, (246, 208, 60))
    sale.write("SALE", (120, 120), Style(Face.SANS_BLACK, 84, (190, 30, 36)), "m")
    sale.write("50% off", (120, 196), Style(Face.SANS_BLACK, 50, _INK), "m")
    sale.write("all winter coats", (120, 252), Style(Face.SANS_BOLD, 27, _INK), "m")
    sale.write("while stocks last", (120, 290), Style(Face.SERIF, 22, _INK), "m")
    _place(canvas, sale, ((380, 28), (594, 78), (594, 336), (380, 392)))
    return _finished("posters", canvas, seed=12)


def books() -> Picture:
    """Spines on a shelf, their titles running downwards."""
    canvas = _canvas([(0.0, (66, 46, 34)), (1.0, (44, 30, 24))])
    canvas.box((0, 372, 640, 420), (104, 72, 48))
    x = 70.0
    for title, width, face, cloth, ink in _BOOKS:
        spine = Canvas(326, round(width), cloth)
        spine.box((14, 0, 18, width), ink)
        spine.write(title, (170, width / 2 + 11), Style(face, 31, ink), "m")
        middle = (x + width / 2, 372 - 326 / 2)
        _place(canvas, spine, rotated(middle, spine.width, spine.height, 90))
        x += width + 24
    return _finished("books", canvas, seed=13)


def blackboard() -> Picture:
    """A café's board: chalk of little contrast in three hands."""
    canvas = _canvas([(0.0, (110, 82, 60)), (1.0, (84, 60, 46))])
    board = Canvas(520, 350, (46, 52, 54))
    glow(board, (180, 120), (300, 220), (120, 130, 130), 0.25)
    chalk, faint = (206, 208, 200), (142, 148, 144)
    board.write("Lunch Menu", (260, 62), Style(Face.SCRIPT, 50, (232, 204, 130)), "m")
    for row, (dish, price) in enumerate(
        [("Pumpkin soup", "5.80"), ("Goat cheese salad", "9.40"), ("Grilled trout", "14.50"), ("Lemon tart", "4.20")]
    ):
        board.write(dish, (40, 122 + 46 * row), Style(Face.SERIF, 28, chalk))
        board.write(price, (480, 122 + 46 * row), Style(Face.SERIF, 28, chalk), "r")
    board.write("ask for vegan dishes", (260, 322), Style(Face.SANS, 22, faint), "m")
    _place(canvas, board, rotated((320, 212), 520, 350, -4))
    return _finished("blackboard", canvas, seed=14)


def labels() -> Picture:
    """Small labels at many angles, some close together."""
    canvas = _canvas([(0.0, (92, 118, 104)), (1.0, (60, 84, 76))])
    for text, centre, degrees, paper in [
        ("FRAGILE", (130, 80), -18.0, (232, 84, 70)),
        ("This side up", (320, 70), 8.0, _WHITE),
        ("Store at 4 C", (520, 100), 32.0, (176, 214, 236)),
        ("S/N 0O8B-1lI5", (150, 200), 25.0, _WHITE),
        ("Lot K7", (300, 180), -40.0, (248, 214, 110)),
        ("Best before May", (470, 240), -12.0, _WHITE),
        ("Kiln dried", (120, 330), -6.0, (214, 190, 150)),
        ("Net 12.5 kg", (300, 320), 14.0, _WHITE),
        ("Made in Norway", (500, 350), 4.0, (200, 220, 200)),
    ]:
        style = Style(Face.SANS_BOLD, 24, _INK)
        label = Canvas(round(len(text) * 13.5) + 34, 46, paper)
        label.write(text, (label.width / 2, 32), style, "m")
        _place(canvas, label, rotated(centre, label.width, label.height, degrees))
    return _finished("labels", canvas, seed=15)


def wall() -> Picture:
    """Bricks and a fence without any text, on which nothing must be read."""
    rng = np.random.default_rng(16)
    canvas = _canvas([(0.0, (150, 90, 76)), (1.0, (120, 70, 60))])
    for row, y in enumerate(range(0, 300, 20)):
        for x in range(-30 * (row % 2), 640, 60):
            light = float(rng.normal(1.0, 0.1))
            canvas.box((x, y, x + 57, y + 17), (round(160 * light), round(94 * light), round(80 * light)))
    for x in range(10, 640, 34):
        canvas.box((x, 250, x + 12, 420), (70, 74, 80))
        canvas.polygon([(x, 250), (x + 6, 236), (x + 12, 250)], (70, 74, 80))
    canvas.box((0, 300, 640, 312), (56, 60, 66))
    return _finished("wall", canvas, seed=16)


SCENES = (timetable, posters, books, blackboard, labels, wall)


def _canvas(stops: Stops) -> Canvas:
    canvas = Canvas(640, 420, (0, 0, 0))
    gradient(canvas, (0, 0, canvas.width, canvas.height), stops)
    return canvas


def _place(canvas: Canvas, layer: Canvas, quad: Quad) -> None:
    canvas.place(even_words(layer), quad, shadow=4)


def _finished(stem: str, canvas: Canvas, *, seed: int) -> Picture:
    photo: Image.Image = canvas.finished().filter(ImageFilter.GaussianBlur(_BLUR))
    return Picture(stem, grain(vignette(photo, 0.45), _GRAIN, seed=seed), canvas.lines)
