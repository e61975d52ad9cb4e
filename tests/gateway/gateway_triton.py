"""A gRPC server in Triton's place that notes what reaches it and never answers before it is told to."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from tritonclient.grpc import service_pb2_grpc


class StalledTriton(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self):
        self.request_ids = []
        self.parameters = []
        self.seconds_left = []
        self.cancelled = 0
        self._over = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(4))
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(self, self._server)
        self.url = f"grpc://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def ModelInfer(self, request, context):
        context.add_callback(self._note_end)
        self.seconds_left.append(context.time_remaining())
        self.parameters.append({name: value.string_param for name, value in request.parameters.items()})
        self.request_ids.append(request.id)
        self._over.wait(20)
        context.abort(grpc.StatusCode.UNAVAILABLE, "over")

    def _note_end(self):
        if not self._over.is_set():
            self.cancelled += 1

    def stop(self):
        self._over.set()
        self._server.stop(0).wait(5)
