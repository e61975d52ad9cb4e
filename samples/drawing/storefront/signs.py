"""Signs that stand apart from the shop: street plate, poster, hanging board and chalkboard."""

from samples.drawing.canvas import Canvas, Colour, Style, rounded_mask
from samples.drawing.fonts import Face
from samples.drawing.geometry import rectangle, rotated
from samples.drawing.light import glow, gradient, soft_shadow

_WHITE: Colour = (250, 248, 240)
_IRON: Colour = (24, 22, 32)


def draw(canvas: Canvas) -> None:
    """Draw all of them."""
    _street_plate(canvas)
    _poster(canvas)
    _hanging_sign(canvas)
    _chalkboard(canvas)


def _street_plate(canvas: Canvas) -> None:
    plate = Canvas(104, 62, (26, 62, 128))
    gradient(plate, (0, 0, 104, 62), [(0.0, (38, 82, 156)), (1.0, (22, 54, 112))])
    plate.frame((3, 3, 101, 59), _WHITE, 1.6, radius=4)
    plate.write("HARBOUR", (52, 27), Style(Face.SANS_BOLD, 17.5, _WHITE), "m")
    plate.write("STREET", (52, 50), Style(Face.SANS_BOLD, 17.5, _WHITE), "m")
    canvas.place(plate, rectangle(692, 194, 796, 256), rounded_mask(plate, 6), shadow=3)


def _poster(canvas: Canvas) -> None:
    poster = Canvas(112, 168, (20, 20, 30))
    gradient(poster, (0, 0, 112, 168), [(0.0, (36, 26, 78)), (0.55, (172, 58, 92)), (1.0, (246, 156, 84))])
    glow(poster, (56, 92), (40, 40), (255, 226, 160), 0.9)
    poster.write("JAZZ", (56, 42), Style(Face.POSTER, 44, (255, 232, 170), tracking=2), "m")
    poster.write("NIGHT", (56, 72), Style(Face.POSTER, 30, _WHITE, tracking=3), "m")
    _trumpet(poster)
    poster.write("Friday 9 May", (56, 132), Style(Face.SANS_BOLD, 16.5, (44, 16, 40)), "m")
    poster.write("Doors 20:30", (56, 154), Style(Face.SANS_BOLD, 16.5, (44, 16, 40)), "m")
    canvas.place(poster, rotated((754, 388), 112, 168, -2), shadow=3)


def _trumpet(poster: Canvas) -> None:
    ink: Colour = (52, 18, 50)
    poster.stroke([(22, 94), (76, 94)], ink, 3)
    poster.polygon([(74, 92), (92, 82), (92, 106), (74, 96)], ink)
    poster.frame((36, 92, 66, 108), ink, 2.6, radius=7)
    for x in (45, 51, 57):
        poster.box((x - 1.4, 85, x + 1.4, 100), ink)


def _hanging_sign(canvas: Canvas) -> None:
    canvas.stroke([(828, 176), (1004, 176)], _IRON, 4)
    canvas.stroke([(828, 226), (868, 178)], _IRON, 3)
    canvas.disc((1006, 176), 5, 5, _IRON)
    # The wind has caught the board: it hangs turned about its chains.
    for top, bottom in (((898, 176), (892, 198)), ((986, 176), (982, 221))):
        canvas.stroke([top, bottom], _IRON, 2)
    board = Canvas(132, 104, (120, 78, 40))
    gradient(board, (0, 0, 132, 104), [(0.0, (250, 238, 208)), (1.0, (228, 200, 156))])
    board.frame((0, 0, 132, 104), (118, 70, 36), 5, radius=10)
    board.write("FRESH", (66, 48), Style(Face.SANS_BLACK, 32, (128, 44, 34)), "m")
    board.write("BREAD", (66, 84), Style(Face.SANS_BLACK, 32, (128, 44, 34)), "m")
    canvas.place(board, rotated((924, 258), 132, 104, 14), rounded_mask(board, 11))


def _chalkboard(canvas: Canvas) -> None:
    soft_shadow(canvas, [(700, 630), (824, 640), (840, 654), (716, 660)], 6, 0.7)
    canvas.polygon([(716, 496), (822, 508), (834, 650), (826, 650)], (70, 46, 32))
    board = Canvas(120, 164, (134, 88, 52))
    board.box((8, 8, 112, 150), (34, 40, 42))
    glow(board, (40, 50), (80, 70), (120, 130, 130), 0.25)
    chalk, yellow = (240, 240, 232), (252, 218, 120)
    board.write("Today", (60, 42), Style(Face.SCRIPT, 34, yellow), "m")
    board.write("Onion soup", (60, 76), Style(Face.SANS_BOLD, 18, chalk), "m")
    board.write("with bread", (60, 102), Style(Face.SANS_BOLD, 18, chalk), "m")
    board.write("$6.50", (60, 138), Style(Face.SANS_BLACK, 28, yellow), "m")
    canvas.place(board, ((704, 494), (818, 506), (824, 652), (702, 656)))
