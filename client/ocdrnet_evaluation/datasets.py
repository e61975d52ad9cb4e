"""Datasets with truth: which there are, and how their files are read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_client.image_files import find_images
from ocdrnet_client.results import Page, Point
from ocdrnet_evaluation.errors import EvaluationError, TruthError, VocabularyError

WORD, LINE = "word", "line"


@dataclass(frozen=True)
class Region:
    """A text and its outline.

    Attributes:
        text: what stands there.
        points: corners (x, y) of the outline in pixels of the upright image, three or more.
        is_dont_care: of the truth: illegible, so that reading it is neither right nor wrong.
    """

    text: str
    points: tuple[Point, ...]
    is_dont_care: bool = False


def read_regions(page: Page, level: str) -> tuple[Region, ...]:
    """What was read, as words or lines, in reading order.

    Args:
        page: of one image; its numbers are rounded as `ocdrnet read --format json` prints them, so that any
            other program that scores that output finds the same.
        level: `word` or `line`; a line without words counts as one word.
    """
    lines = Page.from_dict(page.to_dict()).lines
    if level == LINE:
        return tuple(Region(line.text, line.box) for line in lines)
    return tuple(Region(part.text, part.box) for line in lines for part in (line.words or (line,)))


# What both sets write in place of a text that nobody can read.
DONT_CARE = "###"
_COORDINATES = 8
_EXPECTED = "x1,y1,x2,y2,x3,y3,x4,y4,text"


def parse_regions(content: str, name: str) -> tuple[Region, ...]:
    """The regions of one image's truth file.

    Args:
        content: of the file; lines without anything are passed over, and the text may contain commas.
        name: of the file, for errors.

    Raises:
        TruthError: a line is not in the layout.
    """
    lines = enumerate(content.removeprefix("\ufeff").split("\n"), 1)
    return tuple(_region(line.strip(), f"{name}, line {number}") for number, line in lines if line.strip())


def _region(line: str, place: str) -> Region:
    parts = line.split(",", _COORDINATES)
    if len(parts) <= _COORDINATES:
        raise TruthError(f"{place}: {_short(line)} has {len(parts)} fields; expected {_EXPECTED}")
    numbers = [_coordinate(part, place) for part in parts[:_COORDINATES]]
    text = parts[_COORDINATES].strip()
    return Region(text, tuple(zip(numbers[::2], numbers[1::2], strict=True)), text == DONT_CARE)


def _coordinate(part: str, place: str) -> float:
    try:
        number = float(part)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TruthError(f"{place}: {_short(part)} is no coordinate; expected {_EXPECTED}")
    return number


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


@dataclass(frozen=True)
class Layout:
    """How a set names its truth files.

    Attributes:
        truth_names: with `{stem}` for the image's name without suffix; the first that exists is read.
        level: what the truth's regions are, `word` or `line`.
        has_regions: whether the truth says where each text stands, or is the text alone.
    """

    truth_names: tuple[str, ...]
    level: str
    has_regions: bool = True


LAYOUTS = {
    "icdar2015": Layout(("gt_{stem}.txt",), WORD),
    # The competition's own files end in .txt, those of the common mirror in .csv.
    "sroie": Layout(("{stem}.csv", "{stem}.txt"), LINE),
    "pages": Layout(("{stem}.txt",), LINE, has_regions=False),
}


@dataclass(frozen=True)
class Case:
    """An image and its truth.

    Attributes:
        image: the file.
        regions: of its truth.
        text: of its truth, where that has no regions.
    """

    image: Path
    regions: tuple[Region, ...] = ()
    text: str = ""

    @property
    def name(self) -> str:
        """The image's file name, unique in its set."""
        return self.image.name


@dataclass(frozen=True)
class Dataset:
    """A set to evaluate.

    Attributes:
        cases: images with truth, sorted by name.
        warnings: on files that were passed over or hold odd bytes.
    """

    cases: tuple[Case, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """Lists of words beside the truth's own.

    Attributes:
        common: for every image.
        by_image: for one, by its name without suffix.
    """

    common: tuple[str, ...] = ()
    by_image: dict[str, tuple[str, ...]] | None = None

    def words_for(self, stem: str) -> tuple[str, ...]:
        """Of one image: its own words, then those for all.

        Raises:
            VocabularyError: there are lists by image, but none of this one.
        """
        if self.by_image is None:
            return self.common
        if stem not in self.by_image:
            raise VocabularyError(f"the folder of vocabularies has no voc_{stem}.txt")
        return self.by_image[stem] + self.common


def load_dataset(layout: Layout, images: Path, truth: Path) -> Dataset:
    """Pair the images of a folder with their truth.

    Args:
        layout: how the truth is named and written.
        images: folder of images, searched at any depth.
        truth: folder of truth files, which may be the same.

    Raises:
        TruthError: a truth file cannot be read, or is not in the set's layout.
        EvaluationError: no image has truth, or two share a name.
    """
    paths = find_images([str(images)]).paths
    _refuse_same_names(paths)
    cases, without, warnings = [], [], []
    for image in paths:
        path = _truth_path(layout, image, truth)
        if path is None:
            without.append(image.name)
            continue
        content, is_odd = _decoded(path)
        cases.append(_case(layout, image, content, str(path)))
        if is_odd:
            warnings.append(f"{path} is not UTF-8; bytes that cannot be decoded count as unreadable characters")
    if not cases:
        expected = " or ".join(name.format(stem="NAME") for name in layout.truth_names)
        raise EvaluationError(f"no image in {images} has truth in {truth} ({expected}); images: {len(paths)}")
    if without:
        warnings.append(f"left out for want of truth: {_some(without)}")
    return Dataset(tuple(sorted(cases, key=lambda case: case.name)), tuple(warnings))


def load_vocabulary(paths: Iterable[Path]) -> Vocabulary:
    """Words from files, one a line, for every image; and from folders of `voc_NAME.txt`, for one image each.

    Raises:
        VocabularyError: a file cannot be read, or a folder has none of the files.
    """
    common: list[str] = []
    by_image: dict[str, tuple[str, ...]] = {}
    for path in paths:
        if path.is_dir():
            files = {file.stem.removeprefix("voc_"): file for file in sorted(path.glob("voc_*.txt"))}
            if not files:
                raise VocabularyError(f"{path} has no file voc_NAME.txt")
            by_image |= {stem: _lines(file) for stem, file in files.items()}
        else:
            common += _lines(path)
    return Vocabulary(tuple(common), by_image or None)


def _refuse_same_names(paths: list[Path]) -> None:
    counts = Counter(image.stem for image in paths)
    if same := [str(image) for image in paths if counts[image.stem] > 1]:
        raise EvaluationError(f"images share a name, so that their truth does, too: {_some(same)}")


def _truth_path(layout: Layout, image: Path, folder: Path) -> Path | None:
    paths = (folder / name.format(stem=image.stem) for name in layout.truth_names)
    return next((path for path in paths if path.is_file()), None)


def _case(layout: Layout, image: Path, content: str, name: str) -> Case:
    return Case(image, parse_regions(content, name)) if layout.has_regions else Case(image, text=content)


def _decoded(path: Path) -> tuple[str, bool]:
    """A file's text, and whether some of its bytes are no UTF-8, as in a few files of SROIE."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TruthError(f"cannot read {path}: {error.strerror or error}") from error
    content = data.decode("utf-8-sig", errors="replace")
    return content, "\ufffd" in content and "\ufffd".encode() not in data


def _lines(path: Path) -> tuple[str, ...]:
    try:
        content = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise VocabularyError(f"cannot read {path}: {error.strerror or error}") from error
    return tuple(line.strip() for line in content.splitlines() if line.strip())


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
