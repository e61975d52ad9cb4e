"""Plans on a real Triton: a stand-in machine builds them, a stand-in backend runs them."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from for_pip_triton import adapt_repository
from gpu_machine import HERE, GpuMachine, read_plan
from twin_files import place_twins

from ocdrnet_deploy.graphs.deform_conv import rewrite_deform_conv
from ocdrnet_deploy.machine.cache import cache_folder
from ocdrnet_deploy.networks.prepare import PreparedDetector, PreparedRecognizer
from ocdrnet_deploy.precision.trial import Attempt
from ocdrnet_deploy.repository.assemble import assemble_repository
from ocdrnet_deploy.repository.build import BuildOptions, build_repository
from ocdrnet_deploy.repository.profile import cpu_profile
from ocdrnet_deploy.server.install import find_install
from ocdrnet_deploy.server.launch import lay_out_backends
from ocdrnet_ops.cards import read_detector_card, read_recognizer_card

TENSORRT = BuildOptions(engine="tensorrt")
BOX_TOLERANCE = 1  # pixel
READY_S = 600  # a plan is warmed with its tuned batch: 16 images twice in the profile for throughput
# All that is changed in a repository of plans before Triton 2.51 gets it; below, with a recognizer of free width.
PLAN_CHANGES = [
    "ocdnet: instance_group KIND_GPU is KIND_CPU",
    "ocdrnet: max_inflight_requests is left out",
    "ocr: max_inflight_requests is left out",
    "ocrnet: instance_group KIND_GPU is KIND_CPU",
]
GROUPED_CHANGES = [*PLAN_CHANGES[:3], "ocrnet_plan: instance_group KIND_GPU is KIND_CPU"]


class Rehearsal:
    """A machine with stand-ins for a GPU, TensorRT and NVIDIA's networks, whose repositories a real Triton serves."""

    def __init__(self, folder, patch, serve):
        self.machine = GpuMachine(folder / "machine", patch.setenv)
        self._folder = folder
        self._serve = serve
        (folder / "twins").mkdir()
        place_twins(folder / "twins", patch)
        patch.setattr("ocdrnet_deploy.repository.build.cuda_refusal", lambda: None)
        # Without a GPU, ONNX Runtime tries the networks on the CPU.

        def on_cpu(provider, *rest, **named):
            return Attempt(provider and "CPUExecutionProvider", *rest, **named)

        patch.setattr("ocdrnet_deploy.repository.build.Attempt", on_cpu)
        backends = lay_out_backends(find_install(), cache_folder())
        shutil.copytree(HERE / "tensorrt", backends / "tensorrt", ignore=shutil.ignore_patterns("__pycache__"))

    def build(self, detector, recognizer, options=TENSORRT, name="served"):
        """A repository that `models build` writes, as it is."""
        folder = self._folder / name
        shutil.rmtree(folder, ignore_errors=True)
        build_repository(folder, detector, recognizer, options)
        return folder

    @contextmanager
    def served(self, repository, changes):
        """A real Triton with that repository; nothing but `changes` is changed on the way."""
        assert adapt_repository(repository) == sorted(changes)
        with self._serve(repository, ready_timeout_s=READY_S) as server:
            yield server

    @contextmanager
    def served_by_cpu(self, plans):
        """A real Triton whose CPU engine runs the very graphs, with the cards, of a repository of plans."""
        folder = self._folder / f"{plans.name}-cpu"
        detector = PreparedDetector(graph(plans, "ocdnet"), read_detector_card(card(plans, "ocdnet")), 0, "onnxruntime")
        own = read_recognizer_card(card(plans, "ocrnet"))
        recognizer = PreparedRecognizer(
            graph(plans, "ocrnet" if own.width else "ocrnet_plan"), own, own.max_batch, "onnxruntime"
        )
        profile = replace(cpu_profile("balanced", detector.card.max_candidates), max_tiles=tile_limit(plans))
        assemble_repository(folder, detector, recognizer, replace(profile, detector_batch=1))
        with self._serve(folder, ready_timeout_s=READY_S) as server:
            yield server


@contextmanager
def rehearsal(folder, serve):
    """For as long as the context lasts."""
    with pytest.MonkeyPatch.context() as patch:
        yield Rehearsal(folder, patch, serve)


def graph(plans, model):
    """The ONNX graph inside a stand-in's plan, in operators that the CPU engine knows."""
    return rewrite_deform_conv(onnx.load_from_string(read_plan(plans / model / "1" / "model.plan")[1]))


def card(plans, model):
    return plans / model / "1" / "card.json"


def tile_limit(plans):
    return read_plan(plans / "ocdnet" / "1" / "model.plan")[0].most[0]


def differences(page, expected):
    """What two answers do not have in common: other texts, or boxes further apart than the tolerance."""
    ours, theirs = ([line.text for line in each.lines] for each in (page, expected))
    if ours != theirs:
        return [pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]] or [(len(ours), len(theirs))]
    boxes = [np.abs(np.subtract(a.box, b.box)).max() for a, b in zip(page.lines, expected.lines, strict=True)]
    return [(text, off) for text, off in zip(ours, boxes, strict=True) if off > BOX_TOLERANCE]


def models_of(repository):
    return sorted(path.parent.name for path in Path(repository).glob("*/config.pbtxt"))
