"""How each reader is made, in its own process: the ensemble, the limit, and the peers in process.

Each library is imported in the function that needs it, in the reader's own process.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.readers import Read, ReadAll, ReaderError, one_by_one

PEERS = ("rapidocr", "rapidocr-openvino", "tesseract", "onnxtr")
TESSERACT_TIMEOUT_S = 120


def served(url: str, concurrency: int) -> ReadAll:
    """The ensemble over gRPC: one client with `concurrency` requests in flight."""
    from ocdrnet_client import Client  # noqa: PLC0415

    client, threads = Client(url), ThreadPoolExecutor(concurrency)
    read_one = one_by_one(lambda image: len(client.read(image).lines))

    def read_all(images: Sequence[bytes]) -> Read:
        answers = list(threads.map(lambda image: read_one([image]), images))
        return sum(lines for lines, _ in answers), [seconds for _, taken in answers for seconds in taken]

    return read_all


def networks_alone(repository: Path) -> ReadAll:
    """The two networks alone, see `limit`; each set of images is prepared when it is seen for the first time."""
    from benchmarks.limit import NetworksAlone  # noqa: PLC0415

    prepared: dict[tuple[bytes, ...], NetworksAlone] = {}

    def read_all(images: Sequence[bytes]) -> Read:
        key = tuple(images)
        if key not in prepared:
            prepared.clear()  # the settings of one set at a time are enough, and its inputs are large
            prepared[key] = NetworksAlone(repository, images)
            print(f"limit: detector {prepared[key].detector}; recognizer {prepared[key].recognizer}", flush=True)
        return prepared[key].run(), []

    return read_all


def peer(name: str) -> ReadAll:
    """A peer by its name in `PEERS`."""
    makers: dict[str, Callable[[], ReadAll]] = {
        "rapidocr": partial(rapidocr, "onnxruntime"),
        "rapidocr-openvino": partial(rapidocr, "openvino"),
        "tesseract": tesseract,
        "onnxtr": onnxtr,
    }
    return makers[name]()


def rapidocr(engine: str) -> ReadAll:
    """RapidOCR in process with the same weights; without its angle classifier, which the ensemble has not either."""
    from rapidocr import EngineType, RapidOCR  # noqa: PLC0415

    import ocdrnet_triton.engines.quiet_openvino  # noqa: F401, PLC0415 - before RapidOCR imports OpenVINO

    chosen = EngineType(engine)
    reader = RapidOCR(
        params={
            "Det.engine_type": chosen,
            "Rec.engine_type": chosen,
            "Global.use_cls": False,
            "Global.log_level": "error",
        }
    )
    return one_by_one(lambda image: len(reader(image).txts or ()))


def tesseract() -> ReadAll:
    """Tesseract's command with its English data, a process for each image; its lines are those that are not blank."""
    command = ["tesseract", "stdin", "stdout", "-l", "eng"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": str(len(os.sched_getaffinity(0)))}

    def read(image: bytes) -> int:
        run = subprocess.run(
            command, input=image, capture_output=True, check=False, timeout=TESSERACT_TIMEOUT_S, env=environment
        )
        if run.returncode:
            raise ReaderError(run.stderr.decode(errors="replace").strip())
        return sum(bool(line.strip()) for line in run.stdout.splitlines())

    return one_by_one(read)


def onnxtr() -> ReadAll:
    """OnnxTR in process with its default networks, which it downloads when it is first made."""
    try:
        from onnxtr.io import DocumentFile  # type: ignore[import-not-found]  # noqa: PLC0415
        from onnxtr.models import ocr_predictor  # type: ignore[import-not-found]  # noqa: PLC0415
    except ImportError:
        raise ReaderError("onnxtr is not installed") from None
    reader = ocr_predictor()

    def read(image: bytes) -> int:
        pages = reader(DocumentFile.from_images([image])).pages
        return sum(len(block.lines) for page in pages for block in page.blocks)

    return one_by_one(read)
