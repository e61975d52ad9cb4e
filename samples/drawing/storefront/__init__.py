"""The street scene: a café at dusk, with writing of many kinds, sizes and angles."""

from PIL import ImageFilter

from samples.drawing.canvas import Canvas
from samples.drawing.light import grain, vignette
from samples.drawing.sample import Sample
from samples.drawing.storefront import facade, shop, signs, street, van


def draw() -> Sample:
    """Draw the scene from back to front."""
    canvas = Canvas(1280, 720, (0, 0, 0))
    street.draw_background(canvas)
    facade.draw(canvas)
    shop.draw(canvas)
    street.draw_ground(canvas)
    street.draw_lights(canvas)
    van.draw(canvas)
    signs.draw(canvas)
    # A lens is never perfectly sharp, and a sensor never silent.
    photo = canvas.finished().filter(ImageFilter.GaussianBlur(0.35))
    return Sample("storefront.jpg", grain(vignette(photo, 0.4), 1.6, seed=1), canvas.lines, {"quality": 87})
