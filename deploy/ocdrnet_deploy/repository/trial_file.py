"""What `models build` measured of the networks, beside them in the served repository: `serve` waits by it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a server reads these files without the engines that a trial takes
    from ocdrnet_deploy.precision.trial import Trial

TRIAL_FILE = "trial.json"
_MODELS = ("ocdnet", "ocrnet")
_LEAST_WAIT_S = 120.0
# Compiling and the first run, as measured: twice, for both networks start at once and the charset's graph may follow;
# and the image that the server reads before it is ready.
_TIMES = 4.0
_LEAST_ANSWER_S = 30.0


def trial_text(trial: Trial) -> str:
    """What stands in the file."""
    return json.dumps(dataclasses.asdict(trial), indent=1) + "\n"


def ready_wait_s(repository: Path) -> float:
    """Seconds that a server of the repository may take until it is ready: 120, or more for slow networks."""
    measured = sum(float(trial.get("load_s", 0)) + float(trial.get("run_s", 0)) for trial in _trials(repository))
    return max(_LEAST_WAIT_S, _TIMES * measured)


def image_wait_s(repository: Path) -> float:
    """Seconds that an image may take: 30, or more for a slow detector."""
    return max(_LEAST_ANSWER_S, *(_TIMES * float(trial.get("run_s", 0)) for trial in _trials(repository)), 0.0)


def _trials(repository: Path) -> list[dict[str, Any]]:
    found = []
    for model in _MODELS:
        try:
            content = json.loads((repository / model / "1" / TRIAL_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(content, dict):
            found.append(content)
    return found
