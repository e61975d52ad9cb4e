"""What a model reads once, in `initialize`: its parameters in config.pbtxt and the cards beside the networks."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import cv2

from ocdrnet_ops.cards import DetectorCard, RecognizerCard, read_detector_card, read_recognizer_card

MIB = 1024 * 1024
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h; 32 MiB is the highest that it takes for the latter
_LOOK_S = 0.2
# No call of a library holds Python's lock as long: an answer takes seconds, a network up to a minute.
_STUCK_AFTER_S = 300.0

Args = Mapping[str, str]  # what Triton passes to `initialize`


def parameters(args: Args) -> dict[str, str]:
    """The `parameters` of the model's config.pbtxt."""
    config = json.loads(args["model_config"])
    return {name: value["string_value"] for name, value in config.get("parameters", {}).items()}


def version_folder(args: Args, model: str | None = None) -> Path:
    """Folder of a model's version 1, where its weights and card lie: this model's, or another's of the repository."""
    own = Path(args["model_repository"])
    return (own.parent / model if model else own) / "1"


def detector_card(args: Args) -> DetectorCard:
    """The card of the detector that this model's config names."""
    return read_detector_card(version_folder(args, parameters(args)["detector"]) / "card.json")


def recognizer_card(args: Args) -> RecognizerCard:
    """The card of the recognizer that this model's config names."""
    return read_recognizer_card(version_folder(args, parameters(args)["recognizer"]) / "card.json")


def prepare_process() -> None:
    """Set up a stub process: call it first in `initialize`.

    It ends with its server. A stub whose server was killed ends by itself, too; but where the killed server held a lock
    in their shared memory, it waits for that for ever (seen in one of seven kills under load, with Triton 2.51). Its
    main thread may then hold Python's own lock, so that no thread of Python's can end it. A timer of faulthandler's
    needs none: it ends a process whose threads got no turn for five minutes.

    OpenCV keeps to one thread: it would otherwise take every core of the host in every stub; Triton's instances are
    the parallelism. And glibc keeps freed memory: by default it hands back every image-sized buffer and faults it in
    again page by page, which took 3.3 of 7.7 ms for the decoding and scaling of one 1280 x 720 JPEG.
    """
    silent = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives
    # Set before the thread starts: this one may have Python's lock from now on.
    faulthandler.dump_traceback_later(_STUCK_AFTER_S, exit=True, file=silent)
    threading.Thread(target=_end_with, args=[os.getppid(), silent], name="parent-watch", daemon=True).start()
    cv2.setNumThreads(1)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 32 * MIB)
        libc.mallopt(M_TRIM_THRESHOLD, 256 * MIB)


def _end_with(parent: int, silent: TextIO) -> None:
    set_at = time.monotonic()
    while os.getppid() == parent:
        if time.monotonic() - set_at > _STUCK_AFTER_S / 10:
            set_at = time.monotonic()
            faulthandler.dump_traceback_later(_STUCK_AFTER_S, exit=True, file=silent)
        time.sleep(_LOOK_S)
    os.kill(os.getpid(), signal.SIGKILL)
