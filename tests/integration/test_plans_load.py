"""Every kind of repository that `models build` writes is loaded by a real Triton, whole and READY."""

import itertools
import os
from dataclasses import dataclass, field

import onnx
import pytest
import tritonclient.http
from plan_server import GROUPED_CHANGES, PLAN_CHANGES, models_of, rehearsal
from sample_truth import SAMPLES
from script_networks import alphabet, network
from test_plans_read import PAIRS as READ_AS_PLANS
from test_twins import PAIRS as READ_ON_CPU
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_detector import detector_twin
from twin_files import networks_at_hand
from twin_recognizer import recognizer_twin

from ocdrnet_deploy.catalog.catalog import DEFAULT, presets
from ocdrnet_deploy.repository.build import PRECISIONS, BuildOptions, build_repository
from ocdrnet_deploy.repository.profile import PROFILES
from ocdrnet_deploy.repository.replace import ENSEMBLES
from ocdrnet_deploy.triton_versions import DEFAULT as DEFAULT_TRITON

CUDA_CHANGES = [f"{model}: provider CUDAExecutionProvider is CPUExecutionProvider" for model in ("ocdnet", "ocrnet")]
IN_FLIGHT = [f"{ensemble}: max_inflight_requests is left out" for ensemble in ENSEMBLES]

# Every network of the catalog with another, and every preset.
NAMES = {
    kind: [entry.name for entry in networks_at_hand() if entry.description.kind == kind]
    for kind in ("detector", "recognizer")
}
PAIRS = dict.fromkeys(
    [
        *zip(NAMES["detector"], itertools.cycle(NAMES["recognizer"]), strict=False),
        *zip(itertools.cycle(NAMES["detector"]), NAMES["recognizer"], strict=False),
        *((preset.detector, preset.recognizer) for preset in presets()),
    ]
)
FEW = (
    (DEFAULT, DEFAULT),
    ("ocdnet-v2.0", "ocrnet-v1.0"),
    ("ocdnet-v1.0-resnet18", "ocrnet-v2.0"),
)  # batch 1; deformable
# What other tests load and read, by engine; CUDA gets the graphs that the CPU gets: each second one is enough.
READ = {
    "cpu": {(detector.name, recognizer.name) for detector, recognizer in READ_ON_CPU} | {FEW[0]},
    "tensorrt": {(detector.name, recognizer.name) for detector, recognizer in READ_AS_PLANS} | {FEW[0]},
    "cuda": set(list(PAIRS)[1::2]),
}
DEFORMABLE = {version.name for version in DETECTORS if version.deformable}


@dataclass(frozen=True)
class Case:
    """A build, and what it is called."""

    detector: str
    recognizer: str
    options: BuildOptions
    name: str
    changes: list = field(default_factory=list)

    @property
    def marks(self):
        return [pytest.mark.full, *([pytest.mark.deformable] if self.detector in DEFORMABLE else [])]


def changes_of(engine, recognizer):
    """What has to be changed for Triton 2.51 without a GPU; of the catalog's recognizers one has a free width."""
    plans = GROUPED_CHANGES if recognizer == DEFAULT else PLAN_CHANGES
    return {"cpu": [], "cuda": CUDA_CHANGES, "tensorrt": plans}[engine]


def case(pair, engine, **options):
    made = BuildOptions(engine=engine, **options)
    name = "-".join([engine, *(str(value) for value in options.values()), "+".join(pair)])
    changes = changes_of(engine, pair[1]) + (IN_FLIGHT if "triton" in options else [])
    return Case(*pair, made, name, changes)


def cases(whole):
    """All builds; or those that no other test loads and reads, with each precision, profile and option once."""
    for engine in PRECISIONS:
        for pair in PAIRS:
            if whole or pair not in READ[engine]:
                yield case(pair, engine)
        for precision in PRECISIONS[engine][1:]:
            for pair in [FEW[0]] if precision == "int8" else PAIRS if whole else FEW[2:]:
                yield case(pair, engine, precision=precision)
        for index, profile in enumerate(PROFILES[1:] if engine != "cuda" else ()):
            for pair in FEW if whole else FEW[index : index + 1]:
                yield case(pair, engine, profile=profile)
        if engine != "cuda" or whole:  # it gets the graph that the CPU gets
            yield case(FEW[0], engine, charset="latin")
        yield case(FEW[1], engine, max_candidates=7, recognizer_batch=9, detector_batch=3)
    for engine in ("cpu", "cuda"):  # served in NVIDIA's container, which limits requests in flight
        yield case(FEW[1], engine, triton=DEFAULT_TRITON)


# The whole matrix is 25 minutes of two cores: before a release.
ALL = list(cases(whole=bool(os.environ.get("OCDRNET_WHOLE_MATRIX"))))


@pytest.fixture(scope="module")
def machine(tmp_path_factory, serve_folder):
    with rehearsal(tmp_path_factory.mktemp("gpu"), serve_folder) as made:
        yield made


def assert_ready(server, models=9):
    """Every model of the repository, asked one by one."""
    with tritonclient.http.InferenceServerClient(server.addresses.http_url.removeprefix("http://")) as client:
        ready = {name: client.is_model_ready(name) for name in models_of(server.repository)}
    assert ready == dict.fromkeys(ready, True)
    assert len(ready) == models


def test_the_matrix_has_every_network_engine_precision_and_profile():
    whole = list(cases(whole=True))
    built = {(one.options.engine, one.options.precision, one.detector) for one in whole}
    built |= {(one.options.engine, one.options.precision, one.recognizer) for one in whole}
    for engine, precisions in PRECISIONS.items():
        for precision in (None, *precisions[1:]):
            names = {DEFAULT} if precision == "int8" else {*NAMES["detector"], *NAMES["recognizer"]}
            assert {name for own, kind, name in built if (own, kind) == (engine, precision)} >= names
    assert {(one.options.engine, one.options.precision) for one in cases(whole=False)} == {
        (one.options.engine, one.options.precision) for one in whole
    }
    assert {(one.options.engine, one.options.profile) for one in cases(whole=False)} == {
        *itertools.product(("cpu", "tensorrt"), PROFILES),
        ("cuda", PROFILES[0]),
    }


@pytest.mark.parametrize("one", [pytest.param(one, id=one.name, marks=one.marks) for one in ALL])
def test_repository_is_loaded(machine, one):
    with machine.served(machine.build(one.detector, one.recognizer, one.options), one.changes) as server:
        assert_ready(server, 10 if one.changes == GROUPED_CHANGES else 9)


def test_repository_of_plans_is_loaded(machine):
    """The short one, of every run."""
    with machine.served(machine.build("ocdnet-v2.3", "ocrnet-v1.0"), PLAN_CHANGES) as server:
        assert_ready(server)


@pytest.mark.full
@pytest.mark.parametrize("engine", list(PRECISIONS))
def test_repository_of_own_exports_is_loaded(machine, tmp_path, engine):
    """Of free size, as TAO 5.0 exported OCDNet; cards as they are proposed."""
    detector, recognizer = tmp_path / "detector.onnx", tmp_path / "recognizer.onnx"
    free = detector_twin(next(version for version in DETECTORS if version.name == "ocdnet-v2.3"))
    for axis, name in ((2, "height"), (3, "width")):
        free.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(free, detector)
    onnx.save(recognizer_twin(RECOGNIZERS[-1]), recognizer)
    built = machine.build(str(detector), str(recognizer), BuildOptions(engine=engine))
    with machine.served(built, changes_of(engine, "my own")) as server:
        assert_ready(server)


@pytest.mark.full
@pytest.mark.parametrize("engine", ["cpu", "cuda"])
def test_repository_of_two_recognizers_is_loaded_and_reads(machine, tmp_path, engine):
    """The second one, which knows Greek alone, takes nothing from the first one's text."""
    greek = tmp_path / "greek.onnx"
    onnx.save(network(alphabet(["Greek"])[10:], 100), greek)
    built = machine.build(DEFAULT, [DEFAULT, str(greek)], BuildOptions(engine=engine))
    changes = changes_of(engine, DEFAULT)
    with machine.served(built, changes + changes[1:]) as server:  # of both recognizers
        assert_ready(server)
        with server.client(timeout=300) as client:
            read = [line.text for line in client.read(SAMPLES / "storefront.jpg").lines]
    assert {"HARBOUR", "The Copper Kettle"} <= set(read)


@pytest.mark.full
def test_repository_that_was_another_engines_is_loaded(machine):
    """What is built over an earlier build has nothing of it left."""
    folder = machine.build("ocdnet-v2.3", DEFAULT)
    for engine, recognizer in (("cpu", DEFAULT), ("tensorrt", DEFAULT), ("tensorrt", "ocrnet-v1.0")):
        build_repository(folder, "ocdnet-v2.3", recognizer, BuildOptions(engine=engine))
        changes = changes_of(engine, recognizer)
        with machine.served(folder, changes) as server:
            assert_ready(server, 10 if changes == GROUPED_CHANGES else 9)
