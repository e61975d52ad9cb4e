"""Tools whose pins are not this project's, in environments of their own, and scripts that run there."""

import json
import subprocess
import sys

TIMEOUT_S = 600


class InstallError(Exception):
    """uv's last words."""


def install(folder, requirements):
    """The interpreter of a new environment with what a file pins, and nothing else."""
    python = folder / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    for arguments in (
        ["venv", "--python", sys.executable, folder],
        ["pip", "install", "--python", python, "--no-deps", "-r", requirements],
    ):
        run = subprocess.run([*uv, *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        if run.returncode:
            raise InstallError(run.stderr.strip())
    return python


def answers(python, script, settings):
    """The lines of JSON that a script prints; it takes its settings as JSON."""
    run = subprocess.run(
        [python, script, json.dumps(settings, default=str)],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
