"""One network run once, in a process of its own: `python -m ocdrnet_deploy.precision.trial_run FOLDER`.

A process of its own, because its memory is to be measured, and because an engine may end the process that it is in.
The folder holds `jobs.json`, a list of {"model", "outputs", "parameters", "inputs"}: file names, and what
`ocdrnet_triton.engines.factory.open_network` takes. Each job's answer goes into `<model>.npz`, and what it took into
`<model>.json`.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from ocdrnet_triton.engines.factory import open_network


def main() -> None:
    """Run the jobs of the folder, in order."""
    folder = Path(sys.argv[1])
    for job in json.loads((folder / "jobs.json").read_text(encoding="utf-8")):
        taken = _run(folder, job)
        (folder / f"{job['model']}.json").write_text(json.dumps(taken), encoding="utf-8")
        if "error" in taken:
            return


def _run(folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    inputs = np.load(folder / job["inputs"])
    begin = time.monotonic()
    try:
        network = open_network(folder / job["model"], job["outputs"], job["parameters"])
        loaded = time.monotonic()
        (answer,) = network.run([inputs])
    except Exception as error:
        return {"error": _first_line(str(error))}
    done = time.monotonic()
    np.savez(folder / f"{job['model']}.npz", **answer)
    return {"load_s": loaded - begin, "run_s": done - loaded, "memory": _peak_memory()}


def _peak_memory() -> int:
    """Bytes that this process held at most; not from getrusage, whose figure begins with the parent's."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) * 1024 if found else 0


def _first_line(text: str) -> str:
    """The engines' messages begin with where they were thrown; what was wrong is the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


if __name__ == "__main__":
    main()
