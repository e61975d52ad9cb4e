"""A delivery van at the kerb, its side and its rear each drawn flat and then seen in perspective."""

from PIL import Image, ImageDraw

from samples.drawing.canvas import Canvas, Colour, Style, outline_mask
from samples.drawing.fonts import Face
from samples.drawing.geometry import Point, Quad
from samples.drawing.light import glow, gradient, soft_shadow

_BODY: list[tuple[float, Colour]] = [(0.0, (252, 240, 214)), (0.6, (240, 216, 178)), (1.0, (190, 158, 134))]
_BLUE: Colour = (28, 66, 116)
_DARK: Colour = (24, 24, 34)
_WHEELS = (62, 322)
_WIDTH, _HEIGHT, _REAR = 400, 270, 130
# Both faces share the nearest corner, and their edges run to two vanishing points on one horizon.
_SIDE_QUAD: Quad = ((958, 356), (1270, 382), (1270, 588), (958, 650))
_REAR_QUAD: Quad = ((862, 366), (958, 356), (958, 650), (862, 624))
_OUTLINE: list[Point] = [
    (0, 10), (8, 0), (262, 0), (306, 12), (346, 106), (388, 128), (400, 150), (400, 232), (0, 232),
]  # fmt: skip


def draw(canvas: Canvas) -> None:
    """Draw the van and its shadow."""
    soft_shadow(canvas, [(846, 618), (958, 640), (1276, 578), (1280, 606), (968, 670), (850, 640)], 8, 0.85)
    rear, side = _rear(), _side()
    canvas.place(rear, _REAR_QUAD, outline_mask(rear, _rear_outline()))
    canvas.place(side, _SIDE_QUAD, _side_mask(side))
    for at in ((874, 566), (946, 582)):
        glow(canvas, at, (40, 40), (255, 60, 50), 0.8)


def _side() -> Canvas:
    side = Canvas(_WIDTH, _HEIGHT, _DARK)
    gradient(side, (0, 0, _WIDTH, 232), _BODY)
    side.box((0, 172, _WIDTH, 206), _BLUE)
    side.box((0, 208, _WIDTH, 212), (214, 82, 60))
    side.box((0, 224, _WIDTH, _HEIGHT), _DARK)
    side.polygon([(280, 24), (303, 24), (336, 108), (280, 108)], (58, 78, 110))
    side.polygon([(280, 24), (303, 24), (313, 50), (280, 84)], (150, 150, 170))
    for x in (268, 348):
        side.stroke([(x, 16 if x < 300 else 114), (x, 222)], (150, 126, 108), 1.6)
    side.box((276, 134, 296, 139), (110, 92, 84), 2)
    side.box((384, 158, 400, 180), (255, 240, 190), 3)
    side.write("Blue Tulip", (134, 78), Style(Face.SCRIPT, 58, _BLUE), "m")
    side.write("FLOWERS & GIFTS", (134, 116), Style(Face.SANS_BLACK, 27, (196, 62, 54)), "m")
    side.write("To your door in one hour", (134, 150), Style(Face.SANS_BOLD, 21, (60, 52, 56)), "m")
    side.write("Call 555 0142", (200, 199), Style(Face.SANS_BLACK, 29, (255, 250, 236)), "m")
    for x in _WHEELS:
        side.disc((x, 230), 38, 38, (30, 28, 36))
        side.disc((x, 232), 34, 34, (16, 16, 22))
        side.disc((x, 232), 20, 20, (168, 166, 172))
        side.disc((x, 232), 15, 15, (110, 108, 118))
        side.disc((x, 232), 5, 5, (190, 188, 194))
    return side


def _side_mask(side: Canvas) -> Image.Image:
    mask = outline_mask(side, _OUTLINE)
    for x in _WHEELS:
        edges = [(x - 34) * side.scale, 198 * side.scale, (x + 34) * side.scale, 266 * side.scale]
        ImageDraw.Draw(mask).ellipse(edges, fill=255)
    return mask


def _rear() -> Canvas:
    rear = Canvas(_REAR, _HEIGHT, _DARK)
    gradient(rear, (0, 0, _REAR, 226), [(0.0, (196, 176, 166)), (0.6, (176, 150, 140)), (1.0, (128, 104, 104))])
    rear.box((0, 172, _REAR, 206), (22, 50, 90))
    for left in (12, 69):
        rear.box((left, 22, left + 50, 92), (46, 50, 74), 6)
        rear.polygon([(left + 6, 30), (left + 30, 28), (left + 10, 84)], (150, 118, 130, 120))
    rear.stroke([(65, 8), (65, 214)], (96, 80, 82), 2)
    for left in (3, 113):
        rear.box((left, 176, left + 14, 204), (232, 50, 44), 3)
    rear.box((18, 128, 112, 158), (252, 214, 66), 4)
    rear.write("BT 7413", (65, 151), Style(Face.SANS_BLACK, 23, (22, 22, 26)), "m")
    rear.box((0, 212, _REAR, 236), (52, 48, 58), 4)
    rear.box((8, 236, 38, 262), (16, 16, 22), 4)
    return rear


def _rear_outline() -> list[Point]:
    return [
        (8, 0),
        (122, 0),
        (130, 12),
        (130, 238),
        (40, 238),
        (40, 262),
        (6, 262),
        (6, 238),
        (0, 236),
        (0, 12),
    ]
