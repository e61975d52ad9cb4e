"""The stand-ins by protocol, and what Triton answers over each."""

import client_grpc_stand_in
import client_http_stand_in
import grpc
from client_model import Model

STAND_INS = {"grpc": client_grpc_stand_in, "http": client_http_stand_in}
# What Triton answers over either protocol for the same cause.
STATUSES = {
    "invalid": (grpc.StatusCode.INVALID_ARGUMENT, 400),
    "missing": (grpc.StatusCode.NOT_FOUND, 404),
    "unavailable": (grpc.StatusCode.UNAVAILABLE, 503),
    "internal": (grpc.StatusCode.INTERNAL, 500),
    "late": (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
    "forbidden": (grpc.StatusCode.PERMISSION_DENIED, 403),
}


class Server:
    """A running stand-in: its model, its url, and the statuses of its protocol."""

    def __init__(self, protocol, port=0):
        self.protocol = protocol
        self.model = Model()
        self.url, self.stop = STAND_INS[protocol].start(self.model, port)

    def status(self, cause):
        return STATUSES[cause][self.protocol == "http"]
