"""OpenVINO without its telemetry: import `openvino` from here.

Importing OpenVINO starts the package openvino-telemetry, which it depends on: it looks an analytics host up, forks a
child that posts an event, and keeps an id in the user's home. Where that package cannot be imported, OpenVINO and NNCF
do without. Nothing may leave this machine that its user did not ask for.
"""

import sys

# None in sys.modules makes an import fail (The import system, 5.3.1, in Python's reference).
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # noqa: E402

__all__ = ["openvino"]
