import os
import signal
import subprocess
import sys

import psutil
import pytest

STUB = """
import ctypes, time
from ocdrnet_triton import settings
settings._STUCK_AFTER_S = 2.0
settings.prepare_process()
print(1, flush=True)
"""
WAITS = "time.sleep(600)"
HOLDS_PYTHONS_LOCK = "ctypes.PyDLL(None).sleep(600)"  # as a stub does that waits for a lock of its killed server's


@pytest.mark.parametrize("rest", [WAITS, HOLDS_PYTHONS_LOCK])
def test_a_step_ends_with_its_server(rest):
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUB + rest!r}])"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "1\n"
        (stub,) = psutil.Process(server.pid).children()
        try:
            os.kill(server.pid, signal.SIGKILL)
            stub.wait(timeout=10)
        finally:
            if stub.is_running():
                stub.kill()


def test_a_step_that_works_goes_on():
    """Its timer is set again, well before it would end it."""
    rest = "end = time.monotonic() + 5\nwhile time.monotonic() < end: sum(range(1000))\nprint('done')"
    done = subprocess.run([sys.executable, "-c", STUB + rest], stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\ndone\n")
