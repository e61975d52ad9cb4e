"""Rules of the whole run."""

import os

import onnxruntime
import pytest

from ocdrnet_deploy.networks.deform_conv import OLDEST_RUNTIME


def pytest_collection_modifyitems(items):
    """Python 3.10 has no ONNX Runtime that runs OCDNet v1; what refuses it there is tested everywhere."""
    version = onnxruntime.__version__
    if tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_RUNTIME:
        return
    skip = pytest.mark.skip(reason=f"ONNX Runtime {version} has no deformable convolution")
    for item in items:
        if item.get_closest_marker("deformable"):
            item.add_marker(skip)


def pytest_sessionfinish(session):
    """With OCDRNET_NO_SKIPS, as CI sets it, a skipped test fails the run: CI has all that a test may want."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("OCDRNET_NO_SKIPS") and reporter.stats.get("skipped"):
        reporter.write_line("skipped tests fail this run (OCDRNET_NO_SKIPS)", red=True)
        session.exitstatus = 1
