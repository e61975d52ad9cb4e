import os
import signal
import subprocess
import sys

import psutil

STUB = "import time; from ocdrnet_triton.settings import prepare_process; prepare_process(); print(1, flush=True)"
SERVER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STUB + '; time.sleep(600)'!r}])"


def test_a_step_ends_with_its_server():
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "1\n"
        (stub,) = psutil.Process(server.pid).children()
        try:
            os.kill(server.pid, signal.SIGKILL)
            stub.wait(timeout=10)
        finally:
            if stub.is_running():
                stub.kill()
