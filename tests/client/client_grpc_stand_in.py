"""KServe v2 over gRPC, as Triton speaks it, on loopback."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
from client_model import Received, Refused
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, model):
        self._model = model

    def ModelReady(self, request, context):
        try:
            ready = self._model.is_ready(dict(context.invocation_metadata()))
        except Refused as refusal:
            context.abort(refusal.status, refusal.message)
        return service_pb2.ModelReadyResponse(ready=ready and request.name == self._model.name)

    def ModelInfer(self, request, context):
        if [tensor.name for tensor in request.inputs] != ["IMAGE"] or request.inputs[0].datatype != "UINT8":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "expected one input, IMAGE of UINT8")
        image = request.raw_input_contents[0]
        if list(request.inputs[0].shape) != [len(image)]:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "IMAGE has another shape than its data")
        # The name of the set field is the parameter's type on the wire.
        kinds = {name: value.WhichOneof("parameter_choice") for name, value in request.parameters.items()}
        values = {name: getattr(request.parameters[name], kind) for name, kind in kinds.items()}
        received = Received(request.model_name, image, values, dict(context.invocation_metadata()), request.id)
        try:
            return answer(self._model.infer(received))
        except Refused as refusal:
            context.abort(refusal.status, refusal.message)


def answer(tensors):
    response = service_pb2.ModelInferResponse(model_name="ocdrnet")
    for name, tensor in tensors.items():
        response.outputs.add(name=name, datatype=np_to_triton_dtype(tensor.dtype), shape=tensor.shape)
        response.raw_output_contents.append(raw(tensor))
    return response


def raw(tensor):
    """A tensor's bytes in Triton's binary form; BYTES elements have their length in front."""
    if tensor.dtype != object:
        return tensor.tobytes()
    serialized = serialize_byte_tensor(tensor)
    return serialized.item() if serialized.size else np.array([], np.uint8).tobytes()


def start(model, port=0):
    """Start a server; its url and a function that stops it."""
    server = grpc.server(ThreadPoolExecutor(24), options=UNLIMITED)
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(model), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()

    def stop():
        model.over.set()
        server.stop(0).wait(5)

    return f"grpc://127.0.0.1:{port}", stop
