"""A gateway with a stand-in reader, in a process of its own that a test may kill: `slow_gateway.py SECONDS`.

It prints its url; the settings come from the environment.
"""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from gateway_reader import StandInReader
from job_calls import PATIENT

from ocdrnet_gateway.core import documents
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

LEASE_S = 4  # long enough for a busy machine, short enough for a test


@contextmanager
def other_process(shared, seconds):
    """Its url and its process; its reader takes so many seconds for a page."""
    here = Path(__file__)
    environment = {f"OCDRNET_GATEWAY_{name.upper()}": str(value) for name, value in shared.items()}
    process = subprocess.Popen(
        [sys.executable, here, str(seconds)],
        env={**os.environ, **environment, "PYTHONPATH": f"{here.parent}:{here.parents[1]}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    documents._DRAWING_S = PATIENT
    reader = StandInReader()
    reader.seconds = float(sys.argv[1])
    with GatewayServer(load_settings({"port": 0}), reader) as server:
        print(server.url, flush=True)
        threading.Event().wait()
