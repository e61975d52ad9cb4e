"""A stand-in for Triton on loopback: gRPC, HTTP with a bare image, and a metrics page that counts."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc


class StandIn:
    """Answers each image with `boxes` lines, or refuses it; remembers what it was sent."""

    def __init__(self):
        self.boxes = 3
        self.refusal = None  # a gRPC status and the HTTP number of the same cause
        self.is_ocr = True
        self.hold = threading.Event()
        self.hold.set()
        self.seen = []

    def saw(self, image, options):
        self.seen.append((image, options))
        self.hold.wait(10)

    def metrics(self):
        count = len(self.seen)
        return (
            f'nv_inference_request_success{{model="ocdrnet",version="1"}} {count}\n'
            f'nv_inference_count{{model="ocdrnet",version="1"}} {count}\n'
            f'nv_inference_queue_duration_us{{model="ocdrnet",version="1"}} {count * 1000}\n'
        )


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, model):
        self._model = model

    def ModelInfer(self, request, context):
        parameters = request.parameters.items()
        options = {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in parameters}
        self._model.saw(request.raw_input_contents[0], options)
        if self._model.refusal:
            context.abort(self._model.refusal[0], "refused")
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        if self._model.is_ocr:
            response.outputs.add(name="BOXES", datatype="FP32", shape=[self._model.boxes, 4, 2])
        return response


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        is_metrics = self.path == "/metrics"
        self._send(200 if is_metrics else 404, self.model.metrics().encode() if is_metrics else b"{}")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = {name.lower() for name in self.headers}
        options = {name: self.headers[name] for name in names if name.startswith("ocdrnet-")}
        self.model.saw(body, options)
        if self.model.refusal:
            self._send(self.model.refusal[1], b"{}")
            return
        self._send(200, json.dumps(self._answer()).encode())

    def _answer(self):
        boxes = self.model.boxes
        if self.path == "/v1/infer":
            return {"data": [{"index": 0, "text_detections": [{}] * boxes}]}
        return {"outputs": [{"name": "BOXES" if self.model.is_ocr else "LOGITS", "shape": [boxes, 4, 2]}]}

    def _send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def served_http(model):
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("StandInHandler", (Handler,), {"model": model}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        model.hold.set()
        server.shutdown()
        server.server_close()


@contextmanager
def served_grpc(model):
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(model), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        model.hold.set()
        server.stop(0).wait(5)


SERVED = {"grpc": served_grpc, "http": served_http, "nim": served_http}
