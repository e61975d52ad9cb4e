"""Peers that need an environment of their own: `python -m benchmarks.separate_peers` installs them into build/peers.

    python -m benchmarks.separate_peers [--python python3.12] [NAME ...]

One package cannot be installed beside another, or wants a newer Python than this project's. Each gets a virtual
environment, made by uv, and runs in it as a child process, which this file is as well: it takes a line of JSON for each
image, `{"image": PATH}`, and answers with one, `{"lines": [[TEXT, [[X, Y], ...]], ...]}` or `{"error": MESSAGE}`. They
are requirements of this benchmark alone. Where an environment is missing, the benchmark says so and goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# The child's interpreter has neither this project nor its packages: nothing else may be imported up here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from benchmarks.readers import Reading

    Line = tuple[str, list[list[float]]]  # text, and the corners of its outline in pixels

REQUIREMENTS = {
    "faster-paddle": "faster-paddle==1.0.4",
    "rapidocr-ng": "rapidocr-ng==5.0.0a5",
    "turboocr": "turboocr-engine-cpu==4.0.0a8",  # its wheels are for Python 3.12 and later
}
FOLDER = Path(__file__).parents[1] / "build" / "peers"
DETECTOR, RECOGNIZER, CHARACTERS = "det_small.onnx", "rec_small.onnx", "keys.txt"


def main() -> None:
    """Install the peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(REQUIREMENTS)}; all without any")
    default = os.environ.get("UV_PYTHON", "3.12")
    parser.add_argument("--python", default=default, help="version or path of an interpreter, 3.12 or later")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - REQUIREMENTS.keys():
        parser.error(f"no peers: {', '.join(sorted(unknown))}; there are {', '.join(REQUIREMENTS)}")
    failed = [name for name in arguments.names or REQUIREMENTS if not install(name, arguments.python)]
    if failed:
        sys.exit(f"not installed: {', '.join(failed)}; --python names an interpreter, 3.12 or later")


def install(name: str, python: str) -> bool:
    """Make a peer's environment, unless it is there in this version; answers whether it is there then.

    Args:
        name: of `REQUIREMENTS`.
        python: version or path of an interpreter.
    """
    folder, uv = FOLDER / name, str(Path(sys.executable).with_name("uv"))
    installed = folder / "installed"  # written last
    if installed.is_file() and installed.read_text(encoding="utf-8") == REQUIREMENTS[name]:
        return True
    commands = (
        [uv, "venv", "--quiet", "--clear", "--python", python, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(interpreter(name)), REQUIREMENTS[name]],
    )
    if any(subprocess.run(command, check=False).returncode for command in commands):
        return False
    installed.write_text(REQUIREMENTS[name], encoding="utf-8")
    return True


def interpreter(name: str) -> Path:
    """Of a peer's environment."""
    return FOLDER / name / "bin" / "python"


def separate_versions() -> dict[str, str]:
    """Versions by package of the peers that are installed."""
    found = (each.read_text(encoding="utf-8").partition("==") for each in sorted(FOLDER.glob("*/installed")))
    return {package: version for package, _, version in found}


def write_weights(folder: Path) -> None:
    """The default networks, which `rapidocr` carries, by the names that the peers know them by, and the characters."""
    import onnx  # noqa: PLC0415
    import rapidocr  # noqa: PLC0415

    models = Path(rapidocr.__file__).parent / "models"
    folder.mkdir(parents=True, exist_ok=True)
    for name, packaged in ((DETECTOR, "PP-OCRv6_det_small.onnx"), (RECOGNIZER, "PP-OCRv6_rec_small.onnx")):
        (folder / name).write_bytes((models / packaged).read_bytes())
    told = {entry.key: entry.value for entry in onnx.load(str(folder / RECOGNIZER)).metadata_props}
    (folder / CHARACTERS).write_text("\n".join(told["character"].splitlines()) + "\n", encoding="utf-8")


class ChildReader:
    """The parent's side of a peer in another environment."""

    def __init__(self, name: str, python: Path | None = None) -> None:
        """Start the child.

        Args:
            name: of `REQUIREMENTS`.
            python: interpreter that has the peer installed; that of `FOLDER` without it.

        Raises:
            ReaderError: there is no such interpreter.
        """
        from benchmarks.readers import ReaderError  # noqa: PLC0415

        self._failed = ReaderError
        python = python or interpreter(name)
        if not python.is_file():
            raise ReaderError(f"not installed: python -m benchmarks.separate_peers {name}")
        self._name = name
        # Weights and images, which the child reads as files; it goes with this reader.
        self._files = tempfile.TemporaryDirectory(prefix="ocdrnet-peer-")
        write_weights(Path(self._files.name))
        self._paths: dict[bytes, Path] = {}
        self._child = subprocess.Popen(
            [python, "-I", __file__, "--child", name, self._files.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def read(self, image: bytes) -> list[Line]:
        """Lines of an image.

        Raises:
            ReaderError: the child failed.
        """
        if image not in self._paths:  # written when it is seen for the first time, which is not timed
            path = Path(self._files.name, f"image-{len(self._paths)}")
            path.write_bytes(image)
            self._paths[image] = path
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps({"image": str(self._paths[image])}).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError:
            pass  # what the child said before it ended stands in its output
        answered = self._child.stdout.readline()
        if not answered:
            raise self._failed(f"{self._name}: its process ended with code {self._child.wait()}")
        answer = json.loads(answered)
        if "error" in answer:
            raise self._failed(answer["error"])
        found: list[Line] = answer["lines"]
        return found


def reading_of(lines: Iterable[Line]) -> Reading:
    """What a child answered, as every reader has it."""
    from benchmarks.readers import Reading  # noqa: PLC0415
    from ocdrnet_evaluation.datasets import Region  # noqa: PLC0415

    return Reading(tuple(Region(text, tuple((x, y) for x, y in points)) for text, points in lines))


def child(name: str, folder: Path) -> None:
    """Answer until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    read: Callable[[bytes], list[Line]] | None = None
    for asked in sys.stdin:
        try:
            read = read or _MAKERS[name](folder)
            answer: dict[str, object] = {"lines": read(Path(json.loads(asked)["image"]).read_bytes())}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _faster_paddle(_: Path) -> Callable[[bytes], list[Line]]:
    """faster-paddle with the small networks, which its wheel carries."""
    from faster_paddle import OcrEngine  # type: ignore[import-not-found]  # noqa: PLC0415

    engine = OcrEngine(model_size="small")

    def read(image: bytes) -> list[Line]:
        return [_upright(found) for found in engine.ocr(image)["bounds"].values()]

    return read


def _upright(found: dict[str, Any]) -> Line:
    """It tells two corners of each line."""
    (left, top), (right, bottom) = found["topLeftCoord"], found["bottomRightCoord"]
    return found["text"], [[left, top], [right, top], [right, bottom], [left, bottom]]


def _rapidocr_ng(folder: Path) -> Callable[[bytes], list[Line]]:
    """The native engine; it has no angle classifier."""
    from rapidocr import RapidOCR  # noqa: PLC0415

    engine = RapidOCR(
        params={
            "Det.model_path": str(folder / DETECTOR),
            "Rec.model_path": str(folder / RECOGNIZER),
            "Rec.rec_keys_path": str(folder / CHARACTERS),
            "Global.use_cls": False,
            "Global.log_level": "error",
        }
    )

    def read(image: bytes) -> list[Line]:
        found = engine(image)
        return [] if found.txts is None else list(zip(found.txts, found.boxes.tolist()))  # noqa: B905

    return read


def _turboocr(folder: Path) -> Callable[[bytes], list[Line]]:
    """TurboOCR's engine for CPUs, with its defaults."""
    from turboocr_engine import OCR  # type: ignore[import-not-found]  # noqa: PLC0415

    engine = OCR(model="small", models_dir=str(folder), backend="cpu")

    def read(image: bytes) -> list[Line]:
        return [(line.text, [list(point) for point in line.box]) for line in engine.read(image)]

    return read


_MAKERS = {"faster-paddle": _faster_paddle, "rapidocr-ng": _rapidocr_ng, "turboocr": _turboocr}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]))
    else:
        main()
