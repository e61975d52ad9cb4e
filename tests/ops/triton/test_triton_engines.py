"""Both engines behind `open_network`, with a network of one multiplication."""

import subprocess
import sys
import weakref

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ocdrnet_triton.engines import openvino as openvino_engine
from ocdrnet_triton.engines.base import Placement
from ocdrnet_triton.engines.factory import open_network
from ocdrnet_triton.engines.onnxruntime import CUDA, OnnxRuntimeNetwork, session_options
from ocdrnet_triton.engines.openvino import OFTEN, OpenVinoNetwork, ShapeGraphCache

ENGINES = {"openvino": OpenVinoNetwork, "onnxruntime": OnnxRuntimeNetwork}
CORES = {"threads": "2", "streams": "2"}


@pytest.fixture(scope="module")
def doubling(tmp_path_factory):
    """`input` uint8 -> `pred` uint8, added to itself; and a second output."""
    dims = ["N", "h", "w", 3]
    tensors = [helper.make_tensor_value_info(name, TensorProto.UINT8, dims) for name in ("input", "pred", "same")]
    nodes = [
        helper.make_node("Cast", ["input"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["f", "f"], ["g"]),
        helper.make_node("Cast", ["g"], ["pred"], to=TensorProto.UINT8),
        helper.make_node("Identity", ["input"], ["same"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "doubling", tensors[:1], tensors[1:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path = tmp_path_factory.mktemp("network") / "model.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("runtime", ENGINES)
@pytest.mark.parametrize("streams", [1, 3])
def test_answers_are_in_the_order_of_the_inputs(doubling, runtime, streams):
    network = open_network(doubling, ["pred"], {"threads": "2", "streams": str(streams), "runtime": runtime})
    assert isinstance(network, ENGINES[runtime])
    for _ in range(2):
        inputs = [np.full((1 + i % 2, 4 + i, 8, 3), i, np.uint8) for i in range(20)]
        answers = network.run(iter(inputs))
        assert [list(answer) for answer in answers] == [["pred"]] * 20
        for i, (array, answer) in enumerate(zip(inputs, answers, strict=True)):
            assert answer["pred"].shape == array.shape
            assert (answer["pred"] == 2 * i).all()


@pytest.mark.parametrize("graphs", [0, 2])
def test_shapes_with_and_without_a_graph_of_their_own_answer_alike(doubling, graphs):
    network = open_network(doubling, ["pred"], {"threads": "2", "streams": "2", "graphs": str(graphs)})
    for _ in range(3):
        inputs = [np.full((1, 4, 8 + i % 4, 3), i, np.uint8) for i in range(12)]
        answers = network.run(inputs)
        assert [answer["pred"].shape for answer in answers] == [array.shape for array in inputs]
        assert [np.unique(answer["pred"]).tolist() for answer in answers] == [[2 * i] for i in range(12)]


def test_a_graph_of_one_shape_takes_another_input_of_any(adding):
    network = open_network(adding, ["sum"], {"threads": "2", "streams": "1", "graphs": "1"})
    for summands in ([1], [1, 20, 300]):
        answer = network.run([np.zeros((1, 4, 8, 3), np.uint8)], {"summands": np.array(summands, np.int32)})[0]
        assert np.unique(answer["sum"]).tolist() == [sum(summands)]


def test_only_inputs_up_to_a_size_have_a_graph_of_their_own(doubling, monkeypatch):
    monkeypatch.setattr("ocdrnet_triton.engines.openvino.LARGEST_GRAPH", 4 * 8)
    asked = []
    monkeypatch.setattr(ShapeGraphCache, "graph_of", lambda _, shape: asked.append(shape))
    network = OpenVinoNetwork(doubling, ["pred"], Placement(2, 1, graphs=1))
    answers = network.run([np.ones((1, 4, width, 3), np.uint8) for width in (7, 8, 9)])
    assert asked == [(1, 4, 7, 3), (1, 4, 8, 3)]
    assert [answer["pred"].shape[2] for answer in answers] == [7, 8, 9]


@pytest.mark.parametrize("runtime", ENGINES)
@pytest.mark.parametrize("streams", [1, 2])
def test_an_input_that_the_network_cannot_take_fails_that_run_alone(doubling, runtime, streams):
    network = open_network(doubling, ["pred"], {"threads": "2", "streams": str(streams), "runtime": runtime})
    good, bad = np.ones((1, 4, 8, 3), np.uint8), np.zeros((1, 4, 8, 4), np.uint8)
    for _ in range(3):  # what failed is used again
        with pytest.raises(Exception, match=r"\b4\b"):
            network.run([good, bad, good])
        assert [answer["pred"].max() for answer in network.run([good] * 4)] == [2] * 4


def test_a_graph_that_has_given_way_is_freed(doubling):
    network = OpenVinoNetwork(doubling, ["pred"], Placement(1, 1, graphs=1))
    rare, frequent = (np.zeros((1, 32, width, 3), np.uint8) for width in (32, 64))
    network.run([rare])
    graph = weakref.ref(network._choice._graphs[rare.shape])
    network.run([frequent] * OFTEN)
    assert list(network._choice._graphs) == [frequent.shape]
    assert graph() is None


TWO_FREED_THEN_A_SIGNAL = """
import gc, signal, sys
from pathlib import Path
from ocdrnet_triton.engines.base import Placement
from ocdrnet_triton.engines.openvino import OpenVinoNetwork

networks = [OpenVinoNetwork(Path(sys.argv[1]), ["pred"], Placement(1, 1)) for _ in range(2)]
while networks:
    del networks[0]
    gc.collect()
signal.signal(signal.SIGHUP, lambda *_: print("taken"))
signal.raise_signal(signal.SIGHUP)
"""


def test_process_that_has_freed_networks_takes_a_signal(doubling):
    command = [sys.executable, "-X", "faulthandler", "-c", TWO_FREED_THEN_A_SIGNAL, doubling]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "taken\n"), done.stderr


FIRST_RUN_ON_MANY_THREADS = """
import sys
from pathlib import Path
import numpy as np
from ocdrnet_triton.engines.factory import open_network

settings = {"threads": "2", "streams": "8", "runtime": sys.argv[2]}
network = open_network(Path(sys.argv[1]), ["pred"], settings)
sys.setswitchinterval(1e-6)
answers = network.run([np.ones((1, 4, 8, 3), np.uint8)] * 8)
print(sum(answer["pred"].max() for answer in answers))
"""


@pytest.mark.full
@pytest.mark.parametrize("runtime", ENGINES)
def test_the_first_run_of_a_process_may_be_on_many_threads_at_once(doubling, runtime):
    command = [sys.executable, "-c", FIRST_RUN_ON_MANY_THREADS, doubling, runtime]
    for _ in range(3):  # a race
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "16\n"), done.stderr


@pytest.fixture(scope="module")
def adding(tmp_path_factory):
    """`input` uint8, and `summands` int32 [K] whose sum is added -> `sum` int32."""
    nodes = [
        helper.make_node("ReduceSum", ["summands"], ["total"], keepdims=0),
        helper.make_node("Cast", ["input"], ["integers"], to=TensorProto.INT32),
        helper.make_node("Add", ["integers", "total"], ["sum"]),
    ]
    dims = ["N", "h", "w", 3]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.UINT8, dims),
        helper.make_tensor_value_info("summands", TensorProto.INT32, ["K"]),
    ]
    graph = helper.make_graph(nodes, "adding", inputs, [helper.make_tensor_value_info("sum", TensorProto.INT32, dims)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path_factory.mktemp("network") / "charset.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("runtime", ENGINES)
@pytest.mark.parametrize("streams", [1, 3])
def test_another_input_goes_to_every_run_and_may_change_its_size(adding, runtime, streams):
    network = open_network(adding, ["sum"], {"threads": "2", "streams": str(streams), "runtime": runtime})
    for summands in ([1], [1, 20, 300], [5, 6]):
        inputs = [np.full((1, 4 + i, 8, 3), i, np.uint8) for i in range(8)]
        answers = network.run(iter(inputs), {"summands": np.array(summands, np.int32)})
        assert [np.unique(answer["sum"]).tolist() for answer in answers] == [[i + sum(summands)] for i in range(8)]


@pytest.mark.parametrize("runtime", ENGINES)
def test_nothing_in_nothing_out(doubling, runtime):
    assert open_network(doubling, ["pred"], CORES | {"runtime": runtime}).run([]) == []


def test_array_with_gaps_in_memory(doubling):
    """As Triton's batches are sliced."""
    network = open_network(doubling, ["pred", "same"], CORES | {"runtime": "onnxruntime"})
    whole = np.arange(2 * 4 * 16 * 3, dtype=np.uint8).reshape(2, 4, 16, 3) // 2
    np.testing.assert_array_equal(network.run([whole[:, :, ::2]])[0]["pred"], 2 * whole[:, :, ::2])


def test_openvino_is_the_default(doubling):
    assert isinstance(open_network(doubling, ["pred"], CORES), OpenVinoNetwork)


def test_unknown_runtime_is_refused(doubling):
    with pytest.raises(ValueError, match="runtime is 'abacus'; known are openvino, onnxruntime, plan"):
        open_network(doubling, ["pred"], CORES | {"runtime": "abacus"})


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_missing_provider_is_refused_at_load(doubling):
    """ONNX Runtime alone would go on with the CPU."""
    with pytest.warns(UserWarning, match=CUDA), pytest.raises(RuntimeError, match=f"no {CUDA} here, only"):
        open_network(doubling, ["pred"], CORES | {"runtime": "onnxruntime", "providers": CUDA})


@pytest.mark.parametrize(("threads", "streams", "pool"), [(4, 1, 4), (4, 2, 3), (4, 4, 1), (2, 8, 1)])
def test_streams_and_pool_are_the_threads_together(threads, streams, pool):
    assert session_options(Placement(threads, streams)).intra_op_num_threads == pool


@pytest.mark.parametrize(("cores", "pool"), [({0}, 1), ({0, 3, 5}, 3)])
def test_threads_follow_the_cores_that_may_be_used(monkeypatch, cores, pool):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: cores)
    assert session_options(Placement()).intra_op_num_threads == pool


def test_what_openvino_keeps_for_each_shape_is_bounded(doubling, monkeypatch):
    """Its own limit is 5000 kernels, a gigabyte with the default detector."""
    asked, compile_model = [], openvino_engine.core().compile_model

    class Spy:
        read_model = openvino_engine.core().read_model

        def compile_model(self, model, device, config):
            asked.append(config["CPU_RUNTIME_CACHE_CAPACITY"])
            return compile_model(model, device, config)

    monkeypatch.setattr(openvino_engine, "core", Spy)
    network = open_network(doubling, ["pred"], CORES | {"graphs": "1"})
    network.run([np.zeros((1, 4, 4, 3), np.uint8)])
    assert len(asked) == 2  # the graph of any shape, and that of this one
    assert all(0 < kept <= 2400 for kept in asked)
