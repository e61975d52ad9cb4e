"""NVIDIA's parser and builder take every network of the catalog, in both precisions, for each compute capability."""

import itertools

import pytest
from engine_matrix import CAPABILITIES, NETWORKS, PRECISIONS, SIZES, wanted
from twin_files import place_twins

from ocdrnet_deploy.repository.builder_check import check_build

pytest.importorskip("tensorrt_rtx_bindings")
# One of each kind of graph: free sizes, the plugin, one image a run, CTC with a third output, attention.
OF_EACH_KIND = [
    ("detector", "ppocrv6-small"),
    ("detector", "ocdnet-v1.0-resnet18"),
    ("detector", "ocdnet-v2.0"),
    ("recognizer", "ppocrv6-small"),
    ("recognizer", "ocrnet-v1.0"),
    ("recognizer", "ocrnet-v2.0.1"),
]
DEFORMABLE = {"ocdnet-v1.0-resnet18": 6, "ocdnet-v1.0-resnet50": 13}


def named(pair):
    return "-".join(pair) if isinstance(pair, tuple) else None


def assert_accepted(folder, patch, network, precision, size, capability):
    kind, name = network
    twins = folder / "twins"
    twins.mkdir()
    place_twins(twins, patch)
    engine = wanted(kind, name, precision, size, folder)
    found = check_build(engine, capability)
    assert (found.refusals, found.errors, found.differences) == ((), (), ())
    assert found.is_accepted
    assert found.inputs == engine.inputs
    assert {tensor.name: tensor.dims[1:] for tensor in found.outputs} == {
        tensor.name: tensor.dims[1:] for tensor in engine.outputs
    }
    stand_ins = DEFORMABLE.get(name, 0) if size == "published" else name.startswith("ocdnet-v1")
    assert len(found.stand_ins) == stand_ins


@pytest.mark.full
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("network", OF_EACH_KIND, ids=named)
def test_each_kind_of_graph_is_accepted(tmp_path, monkeypatch, network, precision):
    assert_accepted(tmp_path, monkeypatch, network, precision, "small", "8.6")


@pytest.mark.full
@pytest.mark.parametrize("network", [pair for pair in OF_EACH_KIND if "v2.0.1" not in pair[1]], ids=named)
def test_each_kind_of_graph_is_accepted_at_its_published_size(tmp_path, monkeypatch, network):
    assert_accepted(tmp_path, monkeypatch, network, "fp16", "published", "8.9")


# Each with one of the capabilities in turn: a matrix of all of them takes half an hour. docs/tensorrt.md has that.
EACH = list(itertools.product(SIZES, NETWORKS, PRECISIONS))
IN_TURN = [(*each, CAPABILITIES[index % len(CAPABILITIES)]) for index, each in enumerate(EACH)]


@pytest.mark.full
@pytest.mark.parametrize(("size", "network", "precision", "capability"), IN_TURN, ids=named)
def test_every_network_is_accepted(tmp_path, monkeypatch, network, precision, size, capability):
    assert_accepted(tmp_path, monkeypatch, network, precision, size, capability)
