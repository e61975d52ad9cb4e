"""Order of lines: `python -m benchmarks.reading_order [--repository DIRECTORY]`.

78 drawn layouts of 13 kinds, from their drawn boxes alone; with a served repository for the CPU, also read through its
networks, beside RapidOCR with the same weights and Tesseract. The figure is the edit distance of the sequence of lines
to the truth, divided by the longer of both, the mean over layouts: 0 is right. A read line counts as the line of the
truth that its text is most like; what is like none, or is found in pieces, is a line too many.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from statistics import mean

import numpy as np

from benchmarks.drawn_layouts import Layout, layouts
from ocdrnet_evaluation.text_distance import edits
from ocdrnet_ops.layout.justified import justified_rows
from ocdrnet_ops.layout.reading_order import reading_order

ALIKE = 0.6  # of the characters, above which two texts are one line
SAME_ROW_PX = 10  # RapidOCR's: boxes whose tops differ by less stand in one row


def distance(read: Sequence[Hashable], truth: Sequence[Hashable]) -> float:
    """Normalized edit distance of two sequences, 0..1."""
    letters = {token: chr(number) for number, token in enumerate(dict.fromkeys([*truth, *read]))}
    first, second = ("".join(letters[token] for token in tokens) for tokens in (read, truth))
    return edits(first, second) / max(len(first), len(second), 1)


def order_of_boxes(layout: Layout) -> float:
    """Distance of the order found for a layout's drawn boxes, which come in any order."""
    boxes = layout.boxes()
    shuffle = np.random.default_rng(len(boxes)).permutation(len(boxes))
    order = shuffle[reading_order(boxes[shuffle])]
    words = np.array([len(layout.pieces[index].text.split()) for index in order], np.int64)
    rows = justified_rows(boxes[order], words)
    found = [tuple(order[rows == row].tolist()) for row in range(int(rows[-1]) + 1)]
    return distance(found, _truth(layout))


def order_by_tops(layout: Layout) -> float:
    """The distance of RapidOCR's rule for the same boxes: by their tops, from left to right in a row of 10 pixels."""
    corners = layout.boxes()[:, 0].tolist()
    order = sorted(range(len(corners)), key=lambda index: (corners[index][1], corners[index][0]))
    for end in range(len(order) - 1):
        for at in range(end, -1, -1):
            upper, lower = corners[order[at]], corners[order[at + 1]]
            if lower[1] - upper[1] >= SAME_ROW_PX or lower[0] >= upper[0]:
                break
            order[at], order[at + 1] = order[at + 1], order[at]
    return distance([(index,) for index in order], _truth(layout))


def _truth(layout: Layout) -> list[tuple[int, ...]]:
    lines: dict[int, list[int]] = defaultdict(list)
    for index, piece in enumerate(layout.pieces):
        lines[piece.line].append(index)
    return [tuple(lines[line]) for line in range(len(layout.lines))]


def order_of_texts(texts: Sequence[str], layout: Layout) -> float:
    """Distance of texts that a reader answered, in its order."""
    left = dict(enumerate(layout.lines))
    found: list[int] = []
    for text in texts:
        likely = max(left, key=lambda line: _likeness(text, left[line]), default=-1)
        if likely >= 0 and _likeness(text, left[likely]) >= ALIKE:
            left.pop(likely)
            found.append(likely)
        else:
            found.append(-1)
    return distance(found, range(len(layout.lines)))


def _likeness(first: str, second: str) -> float:
    return 1 - edits(first, second) / max(len(first), len(second), 1)


Reader = Callable[[bytes], Sequence[str]]


def _readers(repository: Path) -> dict[str, Reader]:
    from rapidocr import RapidOCR  # noqa: PLC0415

    from benchmarks.in_process import open_pair, read_in_process  # noqa: PLC0415

    pair, peer = open_pair(repository), RapidOCR(params={"Global.use_cls": False, "Global.log_level": "error"})
    readers: dict[str, Reader] = {
        "ocdrnet": lambda image: read_in_process(image, pair).lines.texts,
        "RapidOCR": lambda image: peer(image).txts or (),
    }
    if shutil.which("tesseract"):
        readers["Tesseract"] = _tesseract
    return readers


def _tesseract(image: bytes) -> Sequence[str]:
    command = ["tesseract", "stdin", "stdout", "-l", "eng"]
    run = subprocess.run(command, input=image, capture_output=True, check=True, timeout=120)
    return [line for line in run.stdout.decode().splitlines() if line.strip()]


def _encoded(layout: Layout) -> bytes:
    file = io.BytesIO()
    layout.image().save(file, "PNG")
    return file.getvalue()


def main() -> None:
    """Print a table of the kinds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repository", type=Path, help="a served repository for the CPU: read images, too")
    repository = parser.parse_args().repository
    readers = _readers(repository) if repository else {}
    figures: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    busy = 0.0
    for layout in layouts():
        own = figures[layout.kind]
        start = time.process_time()
        own["boxes"].append(order_of_boxes(layout))
        busy += time.process_time() - start
        own["boxes, RapidOCR's rule"].append(order_by_tops(layout))
        encoded = _encoded(layout) if readers else b""
        for name, read in readers.items():
            own[name].append(order_of_texts(read(encoded), layout))
    columns = ["boxes", "boxes, RapidOCR's rule", *readers]
    print("| kind |", " | ".join(columns), "|\n|---|" + "---|" * len(columns))
    for kind, own in figures.items():
        print(f"| {kind} |", " | ".join(f"{mean(own[column]):.3f}" for column in columns), "|")
    every = {column: [value for own in figures.values() for value in own[column]] for column in columns}
    print(f"| all {len(every['boxes'])} |", " | ".join(f"{mean(every[column]):.3f}" for column in columns), "|")
    print(f"the order of a layout's boxes took {1000 * busy / len(every['boxes']):.1f} ms of CPU time on average")


if __name__ == "__main__":
    main()
