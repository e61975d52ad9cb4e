"""Coverage-guided fuzzing of the image decoder's guard: `python -m benchmarks.fuzz --seconds 600`.

atheris (libFuzzer) mutates small images of every format, and keeps what reaches code that nothing reached before.
Each input is decoded as the server would: it must give pixels, or an `ImageError` of one line, within 5 seconds and
2 GiB. A finding ends the run with its input in the corpus's folder; `python -m benchmarks.fuzz FILE` decodes that file
again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris
import numpy as np

from benchmarks.hostile_inputs import picture_seeds

with atheris.instrument_imports(include=["ocdrnet_ops.image"]):
    from ocdrnet_ops.errors import ImageError
    from ocdrnet_ops.image.decode import MAX_FRAMES, ImageLimits, decode_image, image_file

LIMITS = ImageLimits(max_bytes=1 << 20, max_pixels=1 << 20)
INPUT_S, MEMORY_MB, LONGEST = 5, 2048, 16_384


def check(data: bytes) -> None:
    """Decode as the server would; anything but pixels or an `ImageError` of one line is a finding."""
    try:
        file = image_file(data, LIMITS)
        found = decode_image(data, LIMITS)
    except ImageError as error:
        refusal = str(error)
        assert len(refusal.splitlines()) == 1, refusal
        return
    height, width = found.pixels.shape[:2]
    assert sorted((height, width)) == sorted((file.height, file.width))
    assert found.pixels.dtype == np.uint8
    assert found.pixels.flags.c_contiguous
    assert 1 <= found.frames <= MAX_FRAMES
    assert file.decoding_bytes <= LIMITS.max_decoding_bytes


def main() -> None:
    """Fuzz for some time, or check one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="check this input alone")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"), help="kept from run to run")
    given = parser.parse_args()
    if given.file:
        check(given.file.read_bytes())
        return
    given.corpus.mkdir(parents=True, exist_ok=True)
    for name, data in picture_seeds().items():
        (given.corpus / name).write_bytes(data)
    options = [f"-max_total_time={given.seconds}", f"-timeout={INPUT_S}", f"-rss_limit_mb={MEMORY_MB}"]
    options += [f"-max_len={LONGEST}", f"-seed={given.seed}", f"-artifact_prefix={given.corpus}/finding-"]
    atheris.Setup([sys.argv[0], *options, str(given.corpus)], check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
