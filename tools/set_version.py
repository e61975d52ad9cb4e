"""The version, which pyproject.toml holds, in every other file that repeats it: `python -m tools.set_version 0.2.0`.

Without a number it writes the one of pyproject.toml. The list is complete: a test looks for others.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PROJECT = CHECKOUT / "pyproject.toml"
NUMBER = r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?"
_PROJECT_VERSION = re.compile(rf'(?m)^(version = ")({NUMBER})(")')
_IMAGE = re.compile(rf"(\bocdrnet:)({NUMBER})(\b)")
_CHART = re.compile(rf"(?m)^((?:version|appVersion): )({NUMBER})($)")
PLACES = {
    "helm/ocdrnet/Chart.yaml": _CHART,
    "deploy/docker/compose.yaml": _IMAGE,
    "deploy/docker/Dockerfile": _IMAGE,
    "docs/kubernetes.md": _IMAGE,
    "docs/deepstream-kserve.md": _IMAGE,
}


def project_version() -> str:
    """The version of pyproject.toml."""
    found = _PROJECT_VERSION.search(PROJECT.read_text(encoding="utf-8"))
    assert found
    return found[2]


def versions(place: str) -> set[str]:
    """The versions that a file of `PLACES` names."""
    text = (CHECKOUT / place).read_text(encoding="utf-8")
    return {found[2] for found in PLACES[place].finditer(text)}


def set_version(version: str) -> None:
    """Write it into pyproject.toml and all of `PLACES`.

    Raises:
        ValueError: it is no version such as 0.2.0 or 0.2.0rc1.
    """
    if not re.fullmatch(NUMBER, version):
        raise ValueError(f"'{version}' is no version such as 0.2.0 or 0.2.0rc1")
    for path, pattern in {"pyproject.toml": _PROJECT_VERSION, **PLACES}.items():
        file = CHECKOUT / path
        text = file.read_text(encoding="utf-8")
        file.write_text(pattern.sub(rf"\g<1>{version}\g<3>", text), encoding="utf-8")


if __name__ == "__main__":
    set_version(sys.argv[1] if sys.argv[1:] else project_version())
