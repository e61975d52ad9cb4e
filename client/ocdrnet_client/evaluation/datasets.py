"""Finds a set's pictures and their truth, and lists of words, on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ocdrnet_client.commands.picture_files import find_pictures
from ocdrnet_client.evaluation.errors import EvaluationError, TruthError, VocabularyError
from ocdrnet_client.evaluation.regions import LINE, WORD, Region
from ocdrnet_client.evaluation.truth import parse_regions


@dataclass(frozen=True)
class Layout:
    """How a set names its truth files.

    Attributes:
        truth_names: with `{stem}` for the picture's name without suffix; the first that exists is read.
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
    """A picture and its truth.

    Attributes:
        picture: the file.
        regions: of its truth.
        text: of its truth, where that has no regions.
    """

    picture: Path
    regions: tuple[Region, ...] = ()
    text: str = ""

    @property
    def name(self) -> str:
        """The picture's file name, unique in its set."""
        return self.picture.name


@dataclass(frozen=True)
class Dataset:
    """A set to evaluate.

    Attributes:
        cases: pictures with truth, sorted by name.
        warnings: on files that were passed over or hold odd bytes.
    """

    cases: tuple[Case, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """Lists of words beside the truth's own.

    Attributes:
        common: for every picture.
        by_picture: for one, by its name without suffix.
    """

    common: tuple[str, ...] = ()
    by_picture: dict[str, tuple[str, ...]] | None = None

    def words_for(self, stem: str) -> tuple[str, ...]:
        """Of one picture: its own words, then those for all.

        Raises:
            VocabularyError: there are lists by picture, but none of this one.
        """
        if self.by_picture is None:
            return self.common
        if stem not in self.by_picture:
            raise VocabularyError(f"the folder of vocabularies has no voc_{stem}.txt")
        return self.by_picture[stem] + self.common


def load_dataset(layout: Layout, images: Path, truth: Path) -> Dataset:
    """Pair the pictures of a folder with their truth.

    Args:
        layout: how the truth is named and written.
        images: folder of pictures, searched at any depth.
        truth: folder of truth files, which may be the same.

    Raises:
        TruthError: a truth file cannot be read, or is not in the set's layout.
        EvaluationError: no picture has truth, or two share a name.
    """
    pictures = find_pictures([str(images)]).paths
    _refuse_twins(pictures)
    cases, without, warnings = [], [], []
    for picture in pictures:
        path = _truth_path(layout, picture, truth)
        if path is None:
            without.append(picture.name)
            continue
        content, is_odd = _decoded(path)
        cases.append(_case(layout, picture, content, str(path)))
        if is_odd:
            warnings.append(f"{path} is not UTF-8; bytes that cannot be decoded count as unreadable characters")
    if not cases:
        expected = " or ".join(name.format(stem="NAME") for name in layout.truth_names)
        raise EvaluationError(f"no picture in {images} has truth in {truth} ({expected}); pictures: {len(pictures)}")
    if without:
        warnings.append(f"left out for want of truth: {_some(without)}")
    return Dataset(tuple(sorted(cases, key=lambda case: case.name)), tuple(warnings))


def load_vocabulary(paths: Iterable[Path]) -> Vocabulary:
    """Words from files, one a line, for every picture; and from folders of `voc_NAME.txt`, for one picture each.

    Raises:
        VocabularyError: a file cannot be read, or a folder has none of the files.
    """
    common: list[str] = []
    by_picture: dict[str, tuple[str, ...]] = {}
    for path in paths:
        if path.is_dir():
            files = {file.stem.removeprefix("voc_"): file for file in sorted(path.glob("voc_*.txt"))}
            if not files:
                raise VocabularyError(f"{path} has no file voc_NAME.txt")
            by_picture |= {stem: _lines(file) for stem, file in files.items()}
        else:
            common += _lines(path)
    return Vocabulary(tuple(common), by_picture or None)


def _refuse_twins(pictures: list[Path]) -> None:
    counts = Counter(picture.stem for picture in pictures)
    if twins := [str(picture) for picture in pictures if counts[picture.stem] > 1]:
        raise EvaluationError(f"pictures share a name, so that their truth does, too: {_some(twins)}")


def _truth_path(layout: Layout, picture: Path, folder: Path) -> Path | None:
    paths = (folder / name.format(stem=picture.stem) for name in layout.truth_names)
    return next((path for path in paths if path.is_file()), None)


def _case(layout: Layout, picture: Path, content: str, name: str) -> Case:
    return Case(picture, parse_regions(content, name)) if layout.has_regions else Case(picture, text=content)


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
