"""A served repository appears whole, or the one before it stays as it was.

The folder itself cannot be renamed where it is a volume's mount. So the new models are written into a folder that
Triton does not look at, inside the ensemble's own, and then take the places of the old ones by renames. Meanwhile the
ensemble has no config: whoever is killed between two renames leaves what counts as no repository at all, not one that
is half new.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.files import folder_lock, write_file

Content = bytes | str | Path
ENSEMBLE = "ocdrnet"
ENSEMBLES = (ENSEMBLE, "ocr")  # the second takes pixels, and asks the same steps
TILING_STEPS = ("image_preprocess", "dbnet_postprocess")
RECOGNIZER_PLAN = "ocrnet_plan"  # what `ocrnet` asks where it groups crops for a plan; not in every repository
CONFIG = "config.pbtxt"
_MAKING = ".new-"  # Triton takes folders of a model for versions only where they are numbers


def replace_repository(output: Path, models: Mapping[str, Mapping[str, Content]]) -> None:
    """Write a repository; of several processes that do so at once, one after another.

    Args:
        output: its folder; models that are there and not the project's stay.
        models: for each model its files by their path in the model's folder: text, bytes, or a file to copy. The
            ensemble is among them.

    Raises:
        BuildError: the folder cannot be written, or is full. What was there is there still.
    """
    home = output / ENSEMBLE
    try:
        home.mkdir(parents=True, exist_ok=True)
        try:
            with folder_lock(output):
                for left in home.glob(f"{_MAKING}*"):  # of a process that was killed: the lock is held
                    shutil.rmtree(left, ignore_errors=True)
                with tempfile.TemporaryDirectory(prefix=_MAKING, dir=home) as making:
                    new, old = Path(making, "new"), Path(making, "old")
                    _write(new, models)
                    old.mkdir()
                    _swap(output, new, old, {*models, RECOGNIZER_PLAN} - {ENSEMBLE})
        finally:
            with suppress(OSError):  # nothing was there before, and nothing is
                home.rmdir()
                output.rmdir()
    except OSError as error:
        raise BuildError(
            f"{output} was not assembled: {error.filename}: {error.strerror}. What was there before is as it was. "
            "Make room there, or choose another folder with --output"
        ) from None


def _write(folder: Path, models: Mapping[str, Mapping[str, Content]]) -> None:
    for name, files in models.items():
        (folder / name / "1").mkdir(parents=True)  # Triton wants a version folder, also of an ensemble
        for file, content in files.items():
            if isinstance(content, Path):
                shutil.copyfile(content, folder / name / file)
            else:
                write_file(folder / name / file, content)


def _swap(output: Path, new: Path, old: Path, names: set[str]) -> None:
    """Put the new models in the places of the old ones, the ensemble's config last; or nothing at all."""
    config = output / ENSEMBLE / CONFIG
    moves = [(config, old / CONFIG)] if config.exists() else []
    for name in sorted(names):
        moves += [(output / name, old / name)] if (output / name).exists() else []
        moves += [(new / name, output / name)] if (new / name).exists() else []
    moves.append((new / ENSEMBLE / CONFIG, config))
    (output / ENSEMBLE / "1").mkdir(exist_ok=True)
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            source.rename(target)
            done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            target.rename(source)
        raise
