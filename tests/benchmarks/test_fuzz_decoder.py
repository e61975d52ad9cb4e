"""The decoder's guard under a fuzzer, for a short while; `python -m benchmarks.fuzz --seconds 3600` goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has wheels for Linux and Python 3.11 to 3.13")

CHECKOUT = Path(__file__).parents[2]
SECONDS = 30


@pytest.mark.full
def test_the_fuzzer_finds_nothing(tmp_path):
    options = ("--seconds", SECONDS, "--corpus", tmp_path)
    run = subprocess.run(
        # The shell between: a process starts with the peak of memory of the one that made it, and libFuzzer goes by it.
        ["sh", "-c", '"$0" -m benchmarks.fuzz "$@"; exit $?', sys.executable, *map(str, options)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=10 * SECONDS,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "Done" in run.stderr
    assert [path.name for path in tmp_path.glob("finding-*")] == []


@pytest.mark.full
def test_every_seed_is_decoded():
    """A seed that is refused would lead the fuzzer nowhere."""
    script = (
        "from benchmarks import fuzz\n"
        "from benchmarks.hostile_inputs import picture_seeds\n"
        "from ocdrnet_ops.image.decode import decode_image\n"
        "for name, data in picture_seeds().items():\n"
        "    assert decode_image(data, fuzz.LIMITS).pixels.size, name\n"
        "    fuzz.check(data)\n"
        "    fuzz.check(data[: len(data) // 2])\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=True, timeout=120)
