"""Where the project's own files lie, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def model_repository() -> Path:
    """The source of the served repository: inside the wheel, or at the top of the checkout it is installed from."""
    inside = _PACKAGE / "model_repository"
    return inside if inside.is_dir() else _PACKAGE.parents[1] / "model_repository"
