"""`trtexec` without TensorRT: takes what a generation takes, writes a plan that carries the graph, or fails.

Held against samples/common/sampleOptions.cpp of TensorRT 8.6, 10.12 and 11.1. Its behaviour is set by the environment:
TRTEXEC_VERSION (the banner's number), TRTEXEC_FAIL (an error to fail with), TRTEXEC_DIE (a signal to die of),
TRTEXEC_DELAY_S (of the build), TRTEXEC_CALLS (a file that every build appends its arguments to), STAND_IN_GPUS and
CUDA's own variables (the GPU that it builds for).
"""

import json
import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "tensorrt"))
from plan_file import Header, cuda_devices, plan_bytes, version

VERSION = version()
GENERATION = divmod(VERSION // 100, 100) if VERSION >= 100_000 else divmod(VERSION // 100, 10)
FLOAT16 = 10  # onnx.TensorProto's number
SHAPES = ("minShapes", "optShapes", "maxShapes")
TAKEN = {"onnx", "saveEngine", "timingCacheFile", "skipInference", "help", *SHAPES}
if GENERATION < (11, 0):
    TAKEN |= {"fp16", "int8", "best", "precisionConstraints", "layerPrecisions"}
if GENERATION >= (9, 1):
    TAKEN |= {"stronglyTyped"}


class Failure(Exception):
    """The `[E]` line that the real one would print."""


def log(severity, text):
    print(f"[11/22/2026-10:00:00] [{severity}] {text}", flush=True)


def arguments():
    pairs = (argument.removeprefix("--").partition("=") for argument in sys.argv[1:])
    return {name: value for name, _, value in pairs}


def dims(spec):
    """`input:1x736x1280x3` -> the name and the shape."""
    found = re.fullmatch(r"([^:,]+):(\d+(?:x\d+)*)", spec)
    if not found:
        raise Failure(f"Invalid shape specification: {spec}")
    return found[1], tuple(map(int, found[2].split("x")))


def check_profile(given, model):
    (tensor,) = model.graph.input
    declared = [dim.dim_value or None for dim in tensor.type.tensor_type.shape.dim]
    if None not in declared:
        raise Failure("Static model does not take explicit shapes since the shape of inference tensors is known")
    shapes = []
    for option in SHAPES:
        name, shape = dims(given[option])
        if name != tensor.name:
            raise Failure(f"Cannot find input tensor with name {name!r} in the network inputs")
        shapes.append(shape)
    if not all(least <= tuned <= most for least, tuned, most in zip(*shapes, strict=True)):
        raise Failure("Network validation failed: optimization profile: min <= opt <= max does not hold")
    for fixed, *sizes in zip(declared, *shapes, strict=True):
        if fixed and {*sizes} != {fixed}:
            raise Failure(f"Static dimension {fixed} of {tensor.name} does not match the profile's {sizes}")
    return shapes


def check_precision(given, model):
    halves = any(weight.data_type == FLOAT16 for weight in model.graph.initializer)
    if "fp16" in given and "stronglyTyped" in given:  # the real one warns and goes on without FP16
        raise Failure("Invalid usage, setting fp16 mode is not allowed if graph is strongly typed.")
    if halves and GENERATION < (11, 0) and "stronglyTyped" not in given:
        raise Failure("a typed graph without --stronglyTyped: its types would be hints alone")
    names = {node.name for node in model.graph.node}
    for item in filter(None, given.get("layerPrecisions", "").split(",")):
        name, _, precision = item.rpartition(":")
        if precision != "fp32" or name not in names:
            raise Failure(f"Invalid layer precision: {item}")


def build(given):
    import onnx  # here, so that --help is quick

    if unknown := set(given) - TAKEN:
        raise Failure(f"Unknown option: --{min(unknown)} {given[min(unknown)]}")
    model = onnx.load(given["onnx"])
    shapes = check_profile(given, model)
    check_precision(given, model)
    if calls := os.environ.get("TRTEXEC_CALLS"):
        with Path(calls).open("a") as file:
            file.write(json.dumps(sys.argv[1:]) + "\n")
    log("I", "Start parsing network model.")
    time.sleep(float(os.environ.get("TRTEXEC_DELAY_S", "0")))
    if reason := os.environ.get("TRTEXEC_FAIL"):
        raise Failure(reason)
    devices = cuda_devices()
    if not devices:
        raise Failure("CUDA initialization failure with error: 100")
    if number := int(os.environ.get("TRTEXEC_DIE", "0")):
        Path(given["saveEngine"]).write_bytes(b"ft")  # half written
        os.kill(os.getpid(), number)
    header = Header(VERSION, devices[0][2], *map(list, shapes))
    Path(given["saveEngine"]).write_bytes(plan_bytes(header, Path(given["onnx"]).read_bytes()))
    Path(given["timingCacheFile"]).touch()
    log("I", "Engine built in 12.3 sec.")


def main():
    command = f"TensorRT.trtexec [TensorRT v{VERSION}] [b7] # trtexec {' '.join(sys.argv[1:])}"
    print(f"&&&& RUNNING {command}", flush=True)
    if "help" in arguments():
        return 0
    try:
        build(arguments())
    except Failure as failure:
        log("W", "onnx2trt_utils.cpp:374: a warning before it")
        log("E", str(failure))
        log("E", "Engine could not be created from network")
        print(f"&&&& FAILED {command}")
        return 1
    print(f"&&&& PASSED {command}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
