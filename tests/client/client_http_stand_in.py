"""KServe v2 over HTTP with Triton's binary tensor extension, on loopback."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from client_grpc_stand_in import raw
from client_model import Received, Refused
from tritonclient.utils import np_to_triton_dtype


class Raw(Exception):
    """Instead of an answer, these bytes as they are."""

    def __init__(self, body, status=200, headers=(), promised=None):
        super().__init__(body)
        self.body = body
        self.status = status
        self.headers = dict(headers)
        self.promised = len(body) if promised is None else promised


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are written apart; Nagle's algorithm would hold the second back.
    disable_nagle_algorithm = True
    model = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        try:
            ready = self.model.is_ready(self._headers())
        except Refused as refusal:
            self._send(refusal.status, json.dumps({"error": refusal.message}).encode())
            return
        known = unquote(self.path).endswith(f"/v2/models/{self.model.name}/ready")
        self._send(200 if ready and known else 400, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            tensors = self.model.infer(self._received(body))
        except Refused as refusal:
            self._send(refusal.status, json.dumps({"error": refusal.message}).encode())
        except Raw as answer:
            self._send(answer.status, answer.body, answer.headers, answer.promised)
            self.close_connection = answer.promised != len(answer.body)
        else:
            self._send_tensors(tensors)

    def _headers(self):
        return {name.lower(): value for name, value in self.headers.items()}

    def _received(self, body):
        length = int(self.headers["Inference-Header-Content-Length"])
        header, image = json.loads(body[:length]), body[length:]
        (tensor,) = header["inputs"]
        fits = {"binary_data_size": len(image)}
        if tensor != {"name": "IMAGE", "shape": [len(image)], "datatype": "UINT8", "parameters": fits}:
            raise Refused(400, f"unexpected input {tensor}")
        parameters = header["parameters"]
        if parameters.pop("binary_data_output") is not True:
            raise Refused(400, "binary output was not asked for")
        model = unquote(self.path).removesuffix("/infer").rpartition("/v2/models/")[2]
        return Received(model, image, parameters, self._headers(), header.get("id", ""))

    def _send_tensors(self, tensors):
        data = {name: raw(tensor) for name, tensor in tensors.items()}
        outputs = [
            {
                "name": name,
                "datatype": np_to_triton_dtype(tensor.dtype),
                "shape": list(tensor.shape),
                "parameters": {"binary_data_size": len(data[name])},
            }
            for name, tensor in tensors.items()
        ]
        header = json.dumps({"model_name": "ocdrnet", "model_version": "1", "outputs": outputs}).encode()
        self._send(200, header + b"".join(data.values()), {"Inference-Header-Content-Length": str(len(header))})

    def _send(self, status, body, headers=(), promised=None):
        # A client that gave up is no failure of the stand-in.
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if promised is None else promised))
            self.end_headers()
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, *_):
        """A connection that the client broke off is no failure of the stand-in."""


def start(model, port=0):
    """Start a server; its url and a function that stops it."""
    server = Server(("127.0.0.1", port), type("ModelHandler", (Handler,), {"model": model}))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop():
        model.over.set()
        server.shutdown()
        server.server_close()

    return f"http://127.0.0.1:{server.server_port}", stop
