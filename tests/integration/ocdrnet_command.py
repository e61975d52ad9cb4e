"""The installed `ocdrnet` command as a process of its own."""

import subprocess
import sys
from pathlib import Path


def run_ocdrnet(*arguments, timeout_s=240):
    command = Path(sys.executable).with_name("ocdrnet")
    return subprocess.run(
        [command, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=timeout_s,
    )
