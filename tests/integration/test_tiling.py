"""Small text in a large image is found in tiles, in bounded memory."""

import io
import re
import threading
import time
from collections import Counter
from itertools import pairwise

import cv2
import numpy as np
import psutil
import pytest
from PIL import Image, ImageDraw, ImageFont
from test_eval_floors import EVAL

from ocdrnet_client import Client
from ocdrnet_ops.cards import read_detector_card
from ocdrnet_ops.detection.tiles import tile_grid

SIZE = WIDTH, HEIGHT = 6000, 4000
PHOTO = PHOTO_WIDTH, PHOTO_HEIGHT = 1280, 720
COLUMNS, ROWS = WIDTH // PHOTO_WIDTH, HEIGHT // PHOTO_HEIGHT
MAX_TILES = 64
MEMORY_LIMIT = 3 * 2**30
WORDS_FLOOR = 0.9  # 0.93 when this was written; where photos meet, lines of two are read as one
NAMES = ("birch", "cedar", "hazel", "maple", "olive", "poplar", "rowan", "spruce", "walnut", "willow")


def jpeg(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def seams(starts, tile):
    """Middles of the overlaps."""
    return [(start + tile + following) // 2 for start, following in pairwise(starts)]


def draw_centered(page, middle, text, size):
    ImageDraw.Draw(page).text(middle, text, font=ImageFont.load_default(size), fill="black", anchor="mm")


def drawn_page(card):
    """A page with a line of small print over every seam and every place where four tiles meet, and its lines."""
    grid = tile_grid(HEIGHT, WIDTH, card, 1.0, MAX_TILES)
    assert (grid.scale, grid.rows > 2, grid.columns > 2) == (1, True, True)
    columns, rows = seams(grid.lefts, grid.tile_width), seams(grid.tops, grid.tile_height)
    between_rows = [row - grid.tile_height // 2 for row in rows]
    between_columns = [column - grid.tile_width // 2 + 60 for column in columns]
    middles = [(x, y) for y in (*rows, *between_rows) for x in columns]
    middles += [(x, y) for y in rows for x in between_columns]
    page = Image.new("RGB", SIZE, "white")
    lines = []
    for index, middle in enumerate(middles):
        lines.append(f"{NAMES[index % 10]} and {NAMES[index * 3 // 10 % 10]} {1000 + index}")
        draw_centered(page, middle, lines[-1], 16)
    return page, lines


def texts(page):
    return Counter(line.text for line in page.lines)


@pytest.fixture(scope="module")
def page_and_lines(served):
    page, lines = drawn_page(read_detector_card(served.repository / "ocdnet" / "1" / "card.json"))
    return jpeg(page), lines


@pytest.fixture(scope="module")
def patient(served):
    with served.client(timeout=120) as made:
        yield made


@pytest.mark.full
def test_a_line_over_a_seam_is_one_line(patient, page_and_lines):
    page, lines = page_and_lines
    begin = time.monotonic()
    answer = patient.read(page)
    print(f"{len(lines)} lines in {time.monotonic() - begin:.1f} s")
    assert texts(answer) == Counter(lines)
    assert (answer.width, answer.height) == SIZE


@pytest.mark.full
def test_large_headline_and_small_print_are_each_read_once(patient):
    page = Image.new("RGB", SIZE, "white")
    draw_centered(page, (2800, 700), "MORNING", 820)  # letters 600 pixels high
    small = [f"column of {name} on page {index + 100}" for index, name in enumerate(NAMES)]
    for index, line in enumerate(small):
        draw_centered(page, (800 + 450 * index, 1600 + 220 * index), line, 30)
    answer = patient.read(jpeg(page))
    assert texts(answer) == Counter(["MORNING", *small])


@pytest.mark.full
def test_small_image_is_read_the_same_with_tiling_off_and_auto(client, page_and_lines):
    page = Image.open(io.BytesIO(page_and_lines[0])).crop((0, 0, 1400, 900))
    answers = [client.read(jpeg(page), tiling=tiling) for tiling in ("auto", "off")]
    assert texts(answers[0]) == texts(answers[1])


def words(text):
    return Counter(re.findall(r"[a-z0-9]+", text.lower()))


def truth(index):
    """Words of a photo, without those that do not count."""
    lines = (EVAL / "icdar2015-dev" / "truth" / f"gt_img_{index}.txt").read_text(encoding="utf-8-sig").splitlines()
    return sum((words(line.split(",", 8)[8]) for line in lines if not line.endswith(",###")), Counter())


def photo(index):
    return (EVAL / "icdar2015-dev" / "images" / f"img_{index}.jpg").read_bytes()


def mosaic(first):
    """Photos from `first` on, side by side, the rest black."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for place in range(COLUMNS * ROWS):
        y, x = place // COLUMNS * PHOTO_HEIGHT, place % COLUMNS * PHOTO_WIDTH
        pixels = cv2.imdecode(np.frombuffer(photo(first + place), np.uint8), cv2.IMREAD_COLOR)
        image[y : y + PHOTO_HEIGHT, x : x + PHOTO_WIDTH] = pixels
    return cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def words_of(page):
    return sum((words(line.text) for line in page.lines), Counter())


@pytest.mark.images
def test_words_of_photos_are_read_in_their_mosaic(patient):
    count = COLUMNS * ROWS
    groups = [range(first, first + count) for first in range(1, 60, count)]
    wanted = [sum(map(truth, group), Counter()) for group in groups]
    alone = [sum((words_of(patient.read(photo(index))) for index in group), Counter()) for group in groups]
    limit = [(found & true).total() for found, true in zip(alone, wanted, strict=True)]
    read = {}
    for tiling in ("auto", "off"):
        begin = time.monotonic()
        found = [words_of(patient.read(mosaic(group[0]), tiling=tiling)) for group in groups]
        read[tiling] = [(words & true).total() for words, true in zip(found, wanted, strict=True)]
        print(f"tiling {tiling}: {read[tiling]} words of {limit}, {time.monotonic() - begin:.1f} s")
    assert sum(read["auto"]) >= WORDS_FLOOR * sum(limit)
    assert sum(read["off"]) < sum(limit) / 2


class PeakMemory:
    """Most bytes that a server's processes held together while the block ran: each shared page counts once."""

    def __init__(self, pid):
        self._server = psutil.Process(pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self.before = self.peak = self._held()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _watch(self):
        while not self._is_over.wait(0.05):
            self.peak = max(self.peak, self._held())

    def _held(self):
        family = [self._server, *self._server.children(recursive=True)]
        return sum(process.memory_full_info().pss for process in family)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["page", pytest.param("mosaic", marks=pytest.mark.images)])
def test_memory_is_bounded(serve_built, page_and_lines, kind):
    image = page_and_lines[0] if kind == "page" else mosaic(1)
    with (
        serve_built() as server,
        Client(server.addresses.grpc_url, timeout=120) as client,
        PeakMemory(server.pid) as memory,
    ):
        assert client.read(image, tiling="on").lines
    print(f"{kind}: {memory.before / 2**20:.0f} MiB after start, {memory.peak / 2**20:.0f} MiB at the most")
    assert memory.peak < MEMORY_LIMIT
