"""Runs Triton's stand-ins for gRPC and HTTP: IP, JOURNAL. A line of the journal is the moment of a request.

It is not ready while JOURNAL with the suffix `.unready` exists. An image's bytes begin with the milliseconds that it
takes; the page is as wide as the image has bytes.
"""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from client_answers import tensors_of
from client_grpc_stand_in import UNLIMITED, Service
from client_http_stand_in import Handler, Server
from client_model import Model, Refused
from replica_hosts import GRPC_PORT, HTTP_PORT
from tritonclient.grpc import service_pb2_grpc

from ocdrnet_client import Page

ip, path = sys.argv[1:]
journal, unready = Path(path), Path(path).with_suffix(".unready")


class Journaled(Model):
    def is_ready(self, headers):
        return not unready.exists()

    def infer(self, request):
        with journal.open("a") as lines:
            lines.write(f"{time.monotonic()}\n")
        if unready.exists():
            raise Refused(grpc.StatusCode.INTERNAL, "the stub is dead")
        time.sleep(int(request.image.split(b" ")[0]) / 1e3)
        return tensors_of(Page(len(request.image), 1))


model = Journaled()
server = grpc.server(ThreadPoolExecutor(32), options=UNLIMITED)
service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(model), server)
server.add_insecure_port(f"{ip}:{GRPC_PORT}")
server.start()
http = Server((ip, HTTP_PORT), type("ModelHandler", (Handler,), {"model": model}))
threading.Thread(target=http.serve_forever, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
