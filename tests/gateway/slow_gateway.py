"""A gateway with a stand-in reader, in a process of its own that a test may kill: `slow_gateway.py SECONDS STORE ...`.

It prints its url; the settings come from the environment.
"""

import sys
import threading

from gateway_reader import StandInReader
from job_calls import PATIENT

from ocdrnet_gateway.core import documents
from ocdrnet_gateway.server import GatewayServer
from ocdrnet_gateway.settings import load_settings

if __name__ == "__main__":
    documents._DRAWING_S = PATIENT
    reader = StandInReader()
    reader.seconds = float(sys.argv[1])
    with GatewayServer(load_settings({"port": 0}), reader) as server:
        print(server.url, flush=True)
        threading.Event().wait()
