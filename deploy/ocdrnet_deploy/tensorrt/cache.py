"""The plan of a network for this machine: from the cache, or built into it.

A laptop, a container's start and a Kubernetes Job call the same function; with the cache on a shared volume, one of
them builds and the others wait for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx

from ocdrnet_deploy.errors import BuildError, PlanError
from ocdrnet_deploy.files import file_lock
from ocdrnet_deploy.machine.cache import cache_folder
from ocdrnet_deploy.tensorrt.command import PlanFiles, PlanPrecision, build_command, graph_for, precision_flags
from ocdrnet_deploy.tensorrt.machine import Gpu, Machine, build_environment, find_gpu, find_trtexec
from ocdrnet_deploy.tensorrt.plan import PlanIngredients, check_plan, sidecar, write_sidecar
from ocdrnet_deploy.tensorrt.run import BuildProgress, run_trtexec
from ocdrnet_deploy.tensorrt.shapes import ShapeRange
from ocdrnet_deploy.tensorrt.version import trtexec_version


@dataclass(frozen=True)
class PlanRequest:
    """A plan that is wanted.

    Attributes:
        network: its name, for people.
        model: the adapted graph, in FP32.
        shapes: the optimization profile.
        precision: of the plan.
    """

    network: str
    model: onnx.ModelProto
    shapes: ShapeRange
    precision: PlanPrecision


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def find_or_build_plan(request: PlanRequest, say: Callable[[str], None] = _say) -> Path:
    """The plan for this machine's GPU and TensorRT, with its sidecar beside it.

    Args:
        request: what is wanted.
        say: called with a line when the build waits for another process.

    Raises:
        NoGpuError: there is no GPU here.
        NoTensorRtError: there is no `trtexec` here.
        TensorRtError: the build failed.
        BuildError: the cache cannot be written.
    """
    trtexec = find_trtexec()
    machine = Machine(find_gpu(), trtexec_version(trtexec))
    graph = graph_for(request.model, request.precision, machine.version).SerializeToString(deterministic=True)
    ingredients = PlanIngredients(
        hashlib.sha256(graph).hexdigest(),
        request.precision,
        request.shapes,
        tuple(precision_flags(request.model, request.precision, machine.version)),
        str(machine.version),
        machine.gpu.compute_capability,
    )
    folder = cache_folder() / "plans"
    plan = folder / f"{ingredients.key}.plan"
    lock = folder / f"{ingredients.key}.lock"
    try:
        with file_lock(
            lock, lambda: say(f"{request.network}: {_holder(lock)} builds this plan already; waiting for it")
        ):
            lock.write_text(_this_process())
            if not _is_usable(plan, machine):
                _build(trtexec, graph, plan, ingredients, request.network, machine.gpu)
            lock.write_text("")
    except OSError as error:
        raise BuildError(
            f"the plan cannot be kept in {folder}: {error.strerror}. Make room there, or set OCDRNET_CACHE to another "
            "folder"
        ) from None
    return plan


def _build(trtexec: Path, graph: bytes, plan: Path, ingredients: PlanIngredients, network: str, gpu: Gpu) -> None:
    """Build beside the final name and rename: a builder that is killed leaves nothing that looks like a plan.

    Its folder has a name of its own: a `trtexec` that outlived its parent then writes into a folder that is gone.
    """
    for left in plan.parent.glob(f".{ingredients.key}-*"):  # the lock is held: whoever made these is dead
        shutil.rmtree(left, ignore_errors=True)
    timing_cache = plan.parent / f"timing-{ingredients.tensorrt}-{ingredients.compute_capability}.cache"
    with tempfile.TemporaryDirectory(prefix=f".{ingredients.key}-", dir=plan.parent) as making:
        files = PlanFiles(Path(making, "model.onnx"), Path(making, "model.plan"), timing_cache)
        files.graph.write_bytes(graph)
        command = build_command(trtexec, files, ingredients.shapes, ingredients.flags)
        with BuildProgress(f"{network} for {gpu.name}") as progress:
            run_trtexec(command, build_environment(gpu), files.plan, plan.with_suffix(".log"), progress.see)
        write_sidecar(files.plan, ingredients, network, gpu.name)
        sidecar(files.plan).replace(sidecar(plan))
        files.plan.replace(plan)


def _is_usable(plan: Path, machine: Machine) -> bool:
    try:
        check_plan(plan, machine)
    except PlanError:
        return False
    return True


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _holder(lock: Path) -> str:
    """Who holds a lock, with its host: on a shared volume a process number alone says little."""
    for _ in range(20):
        if name := lock.read_text():
            return name
        time.sleep(0.05)  # it has the lock and has not written yet
    return "another process"
