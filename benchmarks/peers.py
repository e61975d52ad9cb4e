"""How each reader is made, in its own process: the ensemble, the limit, and the peers in process.

Each library is imported in the function that needs it, in the reader's own process.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.cpu_time import tree_cpu_seconds
from benchmarks.readers import ReadAll, Reader, ReaderError, Reading, Round
from benchmarks.separate_peers import REQUIREMENTS, ChildReader, reading_of
from ocdrnet_evaluation.datasets import LINE, WORD, Region, read_regions

SAME_NETWORKS = ("rapidocr-openvino", "rapidocr", *REQUIREMENTS)  # the default networks, as the ensemble
PEERS = (*SAME_NETWORKS, "tesseract", "onnxtr")
TESSERACT_TIMEOUT_S = 120


def served(
    url: str, concurrency: int = 1, server: int | None = None, options: Mapping[str, Any] | None = None
) -> ReadAll:
    """The ensemble over gRPC.

    Args:
        url: of Triton's gRPC.
        concurrency: requests in flight of the one client.
        server: process id of Triton, whose CPU time counts.
        options: of each request.
    """
    from ocdrnet_client import Client  # noqa: PLC0415

    client = Client(url)
    return Reader(
        partial(client.read, **(options or {})),
        lambda page: Reading(read_regions(page, LINE), read_regions(page, WORD)),
        in_flight=concurrency,
        others=() if server is None else (server,),
    )


def networks_alone(repository: Path) -> ReadAll:
    """The two networks alone, see `limit`; each set of images is prepared when it is seen for the first time."""
    from benchmarks.limit import NetworksAlone  # noqa: PLC0415

    prepared: dict[tuple[bytes, ...], NetworksAlone] = {}

    def read_all(images: Sequence[bytes], _: bool) -> Round:
        key = tuple(images)
        if key not in prepared:
            prepared.clear()  # the settings of one set at a time are enough, and its inputs are large
            prepared[key] = NetworksAlone(repository, images)
            print(f"limit: detector {prepared[key].detector}; recognizer {prepared[key].recognizer}", flush=True)
        used, start = tree_cpu_seconds([os.getpid()]), time.perf_counter()
        lines = prepared[key].run()
        return Round(time.perf_counter() - start, lines, (), tree_cpu_seconds([os.getpid()]) - used)

    return read_all


def peer(name: str, precision: str = "") -> ReadAll:
    """A peer by its name in `PEERS`.

    Args:
        name: of the peer.
        precision: that OpenVINO is told to compute in; its own choice when empty.
    """
    if name in REQUIREMENTS:
        return separate(name)
    makers: dict[str, Callable[[], ReadAll]] = {
        "rapidocr": partial(rapidocr, "onnxruntime"),
        "rapidocr-openvino": partial(rapidocr, "openvino", precision),
        "tesseract": tesseract,
        "onnxtr": onnxtr,
    }
    return makers[name]()


def separate(name: str) -> ReadAll:
    """A peer in an environment of its own."""
    return Reader(ChildReader(name).read, reading_of)


def rapidocr(engine: str, precision: str = "") -> ReadAll:
    """RapidOCR in process with the same weights; without its angle classifier, which the ensemble has not either.

    Args:
        engine: `onnxruntime` or `openvino`.
        precision: for OpenVINO, as of `peer`; RapidOCR has no setting for it.
    """
    from rapidocr import EngineType, RapidOCR  # noqa: PLC0415

    from ocdrnet_triton.engines.quiet_openvino import openvino  # noqa: PLC0415 - before RapidOCR imports OpenVINO

    class Core(openvino.Core):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            if precision:
                self.set_property("CPU", {"INFERENCE_PRECISION_HINT": precision})

    openvino.Core = Core
    chosen = EngineType(engine)
    reader = RapidOCR(
        params={
            "Det.engine_type": chosen,
            "Rec.engine_type": chosen,
            "Global.use_cls": False,
            "Global.log_level": "error",
        }
    )

    def reading(found: Any) -> Reading:  # noqa: ANN401
        if not found.txts:
            return Reading((), ())
        lines = _regions(zip(found.txts, found.boxes.tolist(), strict=True))
        # Of each line its words: text, score, corners. They are not told where a line has none of its own.
        told = [word for line in found.word_results for word in line if isinstance(word, tuple)]
        return Reading(lines, _regions((word[0], word[2]) for word in told) if told else lines)

    # It keeps what a call sets for the calls that follow.
    return Reader(
        partial(reader, return_word_box=False), reading, read_with_words=partial(reader, return_word_box=True)
    )


def _regions(found: Iterable[tuple[str, Sequence[Sequence[float]]]]) -> tuple[Region, ...]:
    return tuple(Region(text, tuple((float(x), float(y)) for x, y in points)) for text, points in found)


def tesseract() -> ReadAll:
    """Tesseract's command with its English data, a process for each image; its lines are those that are not blank."""
    command = ["tesseract", "stdin", "stdout", "-l", "eng"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": str(len(os.sched_getaffinity(0)))}

    def read(image: bytes) -> str:
        run = subprocess.run(
            command, input=image, capture_output=True, check=False, timeout=TESSERACT_TIMEOUT_S, env=environment
        )
        if run.returncode:
            raise ReaderError(run.stderr.decode(errors="replace").strip())
        return run.stdout.decode(errors="replace")

    return Reader(read, lambda text: Reading(tuple(Region(line, ()) for line in text.splitlines() if line.strip())))


def onnxtr() -> ReadAll:
    """OnnxTR in process with its default networks, which it downloads when it is first made."""
    try:
        from onnxtr.io import DocumentFile  # type: ignore[import-not-found]  # noqa: PLC0415
        from onnxtr.models import ocr_predictor  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:
        raise ReaderError("onnxtr is not installed") from None
    reader = ocr_predictor()

    def read(image: bytes) -> Any:  # noqa: ANN401
        return reader(DocumentFile.from_images([image]))

    return Reader(read, lambda found: Reading(tuple(Region(line, ()) for line in found.render().splitlines() if line)))
