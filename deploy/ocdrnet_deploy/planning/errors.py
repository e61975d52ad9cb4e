"""What can go wrong in planning; `ocdrnet_deploy.errors` holds the root.

DeployError
└── PlanningError               no plan was made (exit code 2)
    ├── MeasurementError            the measured file cannot be used; the text names the field
    ├── QuantityError               a time, rate or share that cannot be read
    ├── NoPublishedSpeedError       NVIDIA's model cards have no figure for this GPU or network
    └── NoCapacityError             no number of replicas meets the limit
"""

from __future__ import annotations

from typing import ClassVar

from ocdrnet_deploy.errors import DeployError


class PlanningError(DeployError):
    """No plan was made; the text says what was wrong and what to do."""

    exit_code: ClassVar[int] = 2


class MeasurementError(PlanningError):
    """The measured file cannot be used; the text names the field, and how to measure again."""


class QuantityError(PlanningError):
    """A time, a rate or a share cannot be read; the text names the value and what is allowed."""


class NoPublishedSpeedError(PlanningError):
    """The model cards give no speed for this GPU or network; the text lists those they give."""


class NoCapacityError(PlanningError):
    """The limit cannot be met at any rate; the text says what one image alone takes."""
