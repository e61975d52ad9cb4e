"""One dense page with more than 250 lines, each of them different, so that a lost or doubled one shows."""

from samples.drawing.canvas import Canvas, Colour, Style
from samples.drawing.fonts import Face
from samples.drawing.sample import Sample

_WIDTH, _HEIGHT = 1654, 2339
_COLUMNS, _ROWS = 5, 54
_LEFT, _TOP, _PITCH = 82, 224, 38
_COLUMN_WIDTH = 298
_INK: Colour = (26, 26, 26)
_PLANTS = (
    "Acacia Agave Alder Allium Almond Anemone Angelica Apple Arnica Ash Aspen Aster Avens Azalea Balm "
    "Bamboo Barley Basil Bay Beech Begonia Betony Birch Borage Box Broom Cactus Camellia Caraway Cedar "
    "Celery Cherry Chervil Chestnut Chive Clematis Clover Columbine Comfrey Coriander Cornflower Cosmos "
    "Cowslip Crocus Cumin Cyclamen Cypress Daffodil Dahlia Daisy Dill Dogwood Edelweiss Elder Elm "
    "Fennel Fern Fig Flax Foxglove Freesia Fuchsia Gardenia Garlic Gentian Geranium Ginger Gorse "
    "Hawthorn Hazel Heather Hemlock Holly Honesty Hop Hyacinth Hyssop Iris Jasmine Juniper Larch "
    "Larkspur Laurel Lavender Leek Lemon Lilac Lily Linden Lobelia Lotus Lovage Lupin Magnolia Mallow "
    "Maple Marigold Marjoram Mint"
)


def entries() -> list[str]:
    """Return the page's numbered entries; the number makes each unique, the plants come round again."""
    plants = _PLANTS.split()
    return [f"{1001 + index} {plants[index % len(plants)]}" for index in range(_COLUMNS * _ROWS)]


def draw() -> Sample:
    """Draw the index in columns, read downwards."""
    canvas = Canvas(_WIDTH, _HEIGHT, (255, 255, 255))
    canvas.write("Harbour Seed Company", (_WIDTH / 2, 100), Style(Face.SERIF_BOLD, 64, _INK), "m")
    canvas.write("Index of plants and their numbers", (_WIDTH / 2, 156), Style(Face.SERIF, 36, _INK), "m")
    canvas.box((_LEFT, 180, _WIDTH - _LEFT, 183), _INK)
    for row in range(0, _ROWS, 2):
        y = _TOP + _PITCH * row
        canvas.box((_LEFT, y - 27, _WIDTH - _LEFT, y + 11), (240, 240, 240))
    for index, entry in enumerate(entries()):
        column, row = divmod(index, _ROWS)
        at = (_LEFT + 14 + _COLUMN_WIDTH * column, _TOP + _PITCH * row)
        canvas.write(entry, at, Style(Face.TABLE, 25, _INK))
    # Sixteen greys are enough for smooth type and keep the file small.
    image = canvas.finished().convert("L").point(lambda value: round(value / 17) * 17)
    return Sample("page.png", image, canvas.lines)
