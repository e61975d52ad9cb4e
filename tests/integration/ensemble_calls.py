"""One request to the ensemble by each way in: what was read, or why it was refused."""

import http.client
import json
from dataclasses import dataclass

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

MODEL = "ocdrnet"
TIMEOUT_S = 60

# A proxy of the environment cannot reach this machine's loopback; an image over the byte limit must reach the server.
CHANNEL = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


@dataclass(frozen=True)
class Answer:
    """The ensemble's outputs that tests look at."""

    texts: list
    scores: list
    boxes: np.ndarray
    size: tuple
    frames: int
    truncated: bool

    @classmethod
    def of(cls, output):
        """`output` returns a tensor by its name."""
        return cls(
            [text.decode() if isinstance(text, bytes) else text for text in output("TEXTS")],
            list(output("TEXT_SCORES")),
            np.asarray(output("BOXES"), np.float32).reshape(-1, 4, 2),
            tuple(int(side) for side in output("IMAGE_SIZE")),
            int(output("FRAMES")[0]),
            bool(output("TRUNCATED")[0]),
        )


class RefusedError(Exception):
    """The server's error: its class, as the protocol names it, and its message."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = str(status).removeprefix("StatusCode.")
        self.message = message


class GrpcCall:
    """tritonclient over gRPC; usable from many threads."""

    invalid = "INVALID_ARGUMENT"

    def __init__(self, addresses):
        self.client = tritonclient.grpc.InferenceServerClient(
            addresses.grpc_url.removeprefix("grpc://"), channel_args=CHANNEL
        )
        self.limits = {"client_timeout": TIMEOUT_S}
        self.input_class = tritonclient.grpc.InferInput

    def __call__(self, image, **parameters):
        tensor = self.input_class("IMAGE", [len(image)], "UINT8")
        tensor.set_data_from_numpy(np.frombuffer(image, np.uint8))
        return Answer.of(self.infer([tensor], parameters=parameters).as_numpy)

    def infer(self, inputs, model=MODEL, **arguments):
        try:
            return self.client.infer(model, inputs, **arguments, **self.limits)
        except InferenceServerException as error:
            raise RefusedError(error.status(), error.message()) from None

    def close(self):
        self.client.close()


class HttpCall(GrpcCall):
    """tritonclient over HTTP; bound to one thread."""

    invalid = "400"

    def __init__(self, addresses):
        self.client = tritonclient.http.InferenceServerClient(
            addresses.http_url.removeprefix("http://"), network_timeout=TIMEOUT_S
        )
        self.limits = {}
        self.input_class = tritonclient.http.InferInput


class RawHttpCall:
    """The image itself as the body and options as headers, as `curl --data-binary` sends them."""

    invalid = "400"

    def __init__(self, addresses):
        self._target = addresses.http_url.removeprefix("http://")

    def __call__(self, image, **parameters):
        headers = {f"ocdrnet-{name.replace('_', '-')}": str(value) for name, value in parameters.items()}
        body, json_length = self.post(image, {"Inference-Header-Content-Length": "0", **headers})
        # Triton answers a body without JSON with tensors in binary behind a JSON header.
        result = tritonclient.http.InferenceServerClient.parse_response_body(body, header_length=int(json_length))
        return Answer.of(result.as_numpy)

    def post(self, body, headers):
        """The answer's body, and the length of its JSON part where bytes follow."""
        connection = http.client.HTTPConnection(self._target, timeout=TIMEOUT_S)
        try:
            connection.request("POST", f"/v2/models/{MODEL}/infer", body, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise RefusedError(response.status, json.loads(answer)["error"])
        return answer, response.getheader("Inference-Header-Content-Length")

    def close(self):
        """Nothing is kept open between calls."""
