"""Two sentences in each language that the recogniser reads."""

from samples.drawing.canvas import Canvas, Colour, Style
from samples.drawing.fonts import Face
from samples.drawing.geometry import Point
from samples.drawing.sample import Sample

_INK: Colour = (40, 44, 56)
_Card = tuple[Colour, Face, str, tuple[str, str]]
"""Accent colour, font, the language's own name, two sentences."""
_CARDS: list[_Card] = [
    (
        (38, 92, 158),
        Face.SERIF,
        "English",
        ("Good morning, how are you today?", "Please mind the step at platform 9"),
    ),
    (
        (150, 48, 78),
        Face.SERIF,
        "Français",
        ("Le café est déjà fermé à midi", "Ça va bientôt rouvrir, à très vite !"),
    ),
    ((70, 70, 74), Face.SANS, "Deutsch", ("Schöne Grüße aus München", "Viele Bäume stehen an der Straße")),
    ((186, 92, 22), Face.SANS, "Español", ("El niño está en la montaña", "Mañana será otro día más feliz")),
    ((176, 36, 36), Face.HAN, "中文", ("欢迎光临，请在这里点餐", "今天的天气非常好")),
    ((34, 116, 92), Face.HAN, "日本語", ("いらっしゃいませ、お茶をどうぞ", "東京駅から歩いて五分です")),
]


def draw() -> Sample:
    """Draw six cards in two columns."""
    canvas = Canvas(1200, 660, (236, 234, 228))
    for index, card in enumerate(_CARDS):
        column, row = index % 2, index // 2
        _draw_card(canvas, (30 + 580 * column, 30 + 205 * row), card)
    return Sample("languages.png", canvas.finished().quantize(48), canvas.lines)


def _draw_card(canvas: Canvas, corner: Point, card: _Card) -> None:
    (left, top), (accent, face, name, sentences) = corner, card
    title = Face.HAN if face is Face.HAN else Face.SANS_BOLD
    canvas.box((left + 3, top + 4, left + 563, top + 194), (212, 209, 200), 14)
    canvas.box((left, top, left + 560, top + 190), (255, 254, 250), 14)
    canvas.box((left, top, left + 560, top + 54), accent, 14)
    canvas.box((left, top + 30, left + 560, top + 54), accent)
    canvas.write(name, (left + 28, top + 38), Style(title, 28, (255, 255, 255)))
    for row, sentence in enumerate(sentences):
        canvas.write(sentence, (left + 28, top + 104 + 54 * row), Style(face, 32, _INK))
