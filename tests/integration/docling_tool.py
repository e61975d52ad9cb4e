"""docling in an environment of its own, and what its pipeline makes of files."""

import json
import subprocess
import sys
from pathlib import Path

from sample_truth import ROOT

REQUIREMENTS = Path(__file__).with_name("docling-requirements.txt")
READER = ROOT / "benchmarks" / "docling_reader.py"
TIMEOUT_S = 600


class InstallError(Exception):
    """uv's last words."""


def install(folder):
    """The interpreter of a new environment with docling."""
    python = folder / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    for arguments in (
        ["venv", "--python", sys.executable, folder],
        ["pip", "install", "--python", python, "-r", REQUIREMENTS],
    ):
        run = subprocess.run([*uv, *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        if run.returncode:
            raise InstallError(run.stderr.strip())
    return python


def read_files(python, engine, options, files, rounds=1):
    """What docling made of each file in each round, see `benchmarks/docling_reader.py`."""
    settings = {"engine": engine, "options": options, "files": [str(file) for file in files], "rounds": rounds}
    run = subprocess.run(
        [python, READER, json.dumps(settings)], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
