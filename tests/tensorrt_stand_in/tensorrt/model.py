"""The backend `tensorrt` without TensorRT: runs a plan's graph in ONNX Runtime and refuses what TensorRT refuses.

Triton takes a folder of this name in its backend directory, beside `python`, for the backend of every model with
`platform: "tensorrt_plan"`. A batch is one run of one tensor, as of a plan. Where a plan would be refused at load or at
work by TensorRT or by NVIDIA's backend, it is refused here, with a sentence that says what differs.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).parent))
from plan_file import RefusedError, cuda_devices, read_plan, version

KINDS = {"tensor(uint8)": "TYPE_UINT8", "tensor(int32)": "TYPE_INT32", "tensor(float)": "TYPE_FP32"}
THREADS = 2
ROWS = 16


class TritonPythonModel:
    """One instance of a model that is a plan."""

    @staticmethod
    def auto_complete_config(config):
        """Nothing is completed: configs have to say all."""
        return config

    def initialize(self, args):
        """Load the plan, and hold the config against it."""
        path = Path(args["model_repository"], args["model_version"], "model.plan")
        self._header, graph = read_plan(path)
        _check_machine(path, self._header)
        self._session = _session(graph)
        _check_config(json.loads(args["model_config"]), self._header, self._session)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def execute(self, requests):
        """Answer all requests with the parts of one run, or all with its error."""
        try:
            images = [pb_utils.get_input_tensor_by_name(request, "input").as_numpy() for request in requests]
            answers = self._run(_batch(images, self._header))
        except Exception as error:
            failed = pb_utils.TritonError(str(error), pb_utils.TritonError.INTERNAL)
            return [pb_utils.InferenceResponse(error=failed) for _ in requests]
        ends = np.cumsum([len(image) for image in images])[:-1]
        parts = zip(*(np.split(answer, ends) for answer in answers), strict=True)
        return [
            pb_utils.InferenceResponse(
                [pb_utils.Tensor(name, part) for name, part in zip(self._outputs, own, strict=True)]
            )
            for own in parts
        ]

    def _run(self, batch):
        """One run, of a few rows at a time: they do not depend on each other, and memory does on them."""
        parts = np.split(batch, range(ROWS, len(batch), ROWS))
        answers = [self._session.run(self._outputs, {"input": part}) for part in parts]
        return [np.concatenate(own) for own in zip(*answers, strict=True)]


def _session(graph):
    import onnx
    import onnxruntime as ort

    from ocdrnet_deploy.graphs.deform_conv import rewrite_deform_conv

    options = ort.SessionOptions()
    options.intra_op_num_threads = min(THREADS, len(os.sched_getaffinity(0)))
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Not all optimizations: the last crashes on OCRNet v1 in 16-bit floats.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    model = rewrite_deform_conv(onnx.load_from_string(graph))  # TensorRT has a plugin for it
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _check_machine(path, header):
    """A plan loads in its own TensorRT, on its own compute capability."""
    if header.version != version():
        raise RefusedError(f"{path}: version tag does not match: plan of {header.version}, library {version()}")
    devices = cuda_devices()
    if not devices or any(capability != header.capability for _, _, capability, _ in devices):
        found = ", ".join(capability for _, _, capability, _ in devices) or "none"
        raise RefusedError(f"{path}: plan of compute capability {header.capability}, on GPUs of {found}")


def _check_config(config, header, session):
    """Names, data types, dims and batch as the plan has them: NVIDIA's backend asks the engine for each."""
    if config["max_batch_size"] > header.most[0]:
        raise RefusedError(f"max_batch_size {config['max_batch_size']} is over the profile's {header.most[0]}")
    _check_tensors(config["input"], {session.get_inputs()[0].name: (session.get_inputs()[0].type, header.dims)})
    shapes = [_probe(session, header.least), _probe(session, [1, *header.tuned[1:]])]
    dims = [[a if a == b else -1 for a, b in zip(*pair, strict=True)] for pair in zip(*shapes, strict=True)]
    types = [output.type for output in session.get_outputs()]
    names = [output.name for output in session.get_outputs()]
    _check_tensors(config["output"], dict(zip(names, zip(types, dims, strict=True), strict=True)))


def _probe(session, shape):
    """Dims of each output for one input, without the batch."""
    return [list(answer.shape[1:]) for answer in session.run(None, {"input": np.zeros([1, *shape[1:]], np.uint8)})]


def _check_tensors(configured, known):
    if {tensor["name"] for tensor in configured} != set(known):
        raise RefusedError(f"config has {[tensor['name'] for tensor in configured]}, the plan {sorted(known)}")
    for tensor in configured:
        kind, dims = known[tensor["name"]]
        if tensor["data_type"] != KINDS.get(kind):
            raise RefusedError(f"{tensor['name']} is {tensor['data_type']} in the config, {kind} in the plan")
        if [int(dim) for dim in tensor["dims"]] != dims:
            raise RefusedError(f"{tensor['name']} has dims {tensor['dims']} in the config, {dims} in the plan")
        if tensor.get("allow_ragged_batch"):
            raise RefusedError(f"{tensor['name']} is ragged in the config; a plan's batch is one tensor")


def _batch(images, header):
    """The one tensor of a run; refused where it is none, or outside the profile."""
    for image in images:
        if image.dtype != np.uint8:
            raise RefusedError(f"input is {image.dtype}, the plan takes uint8")
        if image.shape[1:] != images[0].shape[1:]:
            raise RefusedError(f"a batch mixes inputs of {list(images[0].shape[1:])} and {list(image.shape[1:])}")
    batch = np.concatenate(images)
    for axis, (size, least, most) in enumerate(zip(batch.shape, header.least, header.most, strict=True)):
        if not least <= size <= most:
            raise RefusedError(f"input is {list(batch.shape)}; in axis {axis} the profile takes {least} to {most}")
    return batch
