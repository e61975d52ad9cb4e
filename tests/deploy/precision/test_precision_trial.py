"""Networks tried before they are served: how they compare, what happens to one that differs or does not run."""

import json
import signal
import subprocess
from dataclasses import replace

import numpy as np
import onnx
import pytest
from nvidia_graphs import ocdnet, ocrnet
from onnx import numpy_helper
from small_graphs import recognizer

from ocdrnet_deploy.catalog.description import NORMALIZATIONS, NetworkDescription
from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_deploy.precision import trial
from ocdrnet_deploy.precision.agreement import Agreement, compare_ids, compare_maps
from ocdrnet_deploy.precision.trial import Attempt, try_network

IDS = NetworkDescription("recognizer", "ids", NORMALIZATIONS["gray-half"], 0, {})
SCORES = replace(IDS, answer="class-scores", blank=-1)
MAP = NetworkDescription("detector", "probability-map", NORMALIZATIONS["tao"], 0, {})


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """Networks in files, with a cache of their own."""
    monkeypatch.setenv("OCDRNET_CACHE", str(tmp_path / "cache"))

    def prepare(kind, model):
        path = tmp_path / f"{kind}.onnx"
        onnx.save(model, path)
        return (prepare_detector if kind == "detector" else prepare_recognizer)(str(path))

    return prepare


def small_detector():
    return ocdnet(height=64, width=96)


def with_weight_off(network):
    """A network whose adapted graph is not the original: as arithmetic that is too coarse would make it."""
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    for weight in model.graph.initializer:
        if weight.name in ("w1", "w"):
            weight.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weight), weight.name))
    return replace(network, model=model)


def ids_agreement(equal, confident):
    sure = np.where(np.arange(100) < confident, 0.95, 0.5)[None]
    original = {"output_id": np.zeros((1, 100), np.int64), "output_prob": sure}
    return compare_ids(original, IDS, (np.arange(100) >= equal)[None].astype(np.int32), sure)


@pytest.mark.parametrize(("equal", "is_enough"), [(100, True), (99, True), (98, False)])
def test_ids_that_the_original_is_sure_of_must_be_equal(equal, is_enough):
    found = ids_agreement(equal, 100)
    assert (found.is_enough, found.compared, found.equal) == (is_enough, 100, equal / 100)


def test_ids_that_it_is_not_sure_of_do_not_count():
    assert ids_agreement(60, 60).is_enough
    assert not ids_agreement(58, 60).is_enough


def test_with_too_few_nothing_is_said():
    found = ids_agreement(0, 19)
    assert found.is_enough
    assert "too few" in str(found)


def test_scores_are_ids_with_the_blank_first():
    scores = np.full((1, 40, 3), 0.02)
    scores[..., 2] = 0.96  # the blank
    scores[0, :20] = (0.02, 0.96, 0.02)
    expected = np.where(np.arange(40) < 20, 2, 0)[None]
    assert compare_ids({"y": scores}, SCORES, expected, scores.max(-1)).equal == 1


@pytest.mark.parametrize(("off", "is_enough"), [(8, True), (9, False)])
def test_a_map_may_be_off_by_8_of_255_where_there_is_text(off, is_enough):
    original = np.zeros((1, 1, 32, 32))
    original[..., :8] = 200 / 255
    answered = np.rint(original * 255 - off * (original > 0)).astype(np.uint8)
    found = compare_maps({"pred": original}, MAP, answered)
    assert (found.is_enough, found.compared) == (is_enough, 256)
    assert found.off == pytest.approx(off)


def test_text_that_only_one_of_the_maps_has_counts():
    nothing = np.zeros((1, 1, 32, 32))
    assert not compare_maps({"pred": nothing}, MAP, np.full((1, 1, 32, 32), 200, np.uint8)).is_enough
    assert not compare_maps({"pred": nothing + 0.8}, MAP, np.zeros((1, 1, 32, 32), np.uint8)).is_enough


def test_a_sound_network_is_served_by_openvino_and_measured(prepared):
    said = []
    for kind, model in (("detector", small_detector()), ("recognizer", ocrnet())):
        network, found = try_network(prepared(kind, model), Attempt(say=said.append))
        assert (network.runtime, found.runtime) == ("openvino", "openvino")
        assert found.agreement.is_enough
        assert found.run_s > 0
        assert found.load_s > 0
        assert 50 << 20 < found.memory < 4 << 30
    assert [line.split(":")[0] for line in said] == ["detector", "recognizer"]


@pytest.mark.full
def test_a_network_that_answers_otherwise_is_refused_with_the_figure(prepared):
    with pytest.raises(BuildError, match=r"detector cannot be served here.*map off by \d"):
        try_network(with_weight_off(prepared("detector", small_detector())), Attempt())


def test_one_made_approximate_on_purpose_is_not_refused(prepared):
    network = with_weight_off(prepared("detector", small_detector()))
    assert not try_network(network, Attempt(is_approximate=True))[1].agreement.is_enough


def test_what_openvino_does_not_run_goes_to_onnx_runtime(prepared, monkeypatch):
    """As docTR's parseq; and the reason is told."""
    said = []
    network = prepared("recognizer", ocrnet())
    monkeypatch.setattr(trial, "_try", refusing(trial._try, "openvino"))
    served, found = try_network(network, Attempt(say=said.append))
    assert (served.runtime, found.precision) == ("onnxruntime", "")
    assert "OpenVINO does not run it: Normalized axis of TopK is unknown" in said[0]


def refusing(real, runtime):
    def attempt(network, settings):
        return "Normalized axis of TopK is unknown" if settings["runtime"] == runtime else real(network, settings)

    return attempt


def test_where_bfloat16_differs_fp32_is_served(prepared, monkeypatch):
    network = prepared("recognizer", ocrnet())
    real = trial._try
    monkeypatch.setattr(trial, "_computes_in_bfloat16", lambda: True)

    def coarse(network, settings):
        found = real(network, settings)
        return found if "precision" in settings else replace(found, kind="ids", compared=100, equal=0.98)

    monkeypatch.setattr(trial, "_try", coarse)
    said = []
    served, found = try_network(network, Attempt(say=said.append))
    assert (served.runtime, served.precision, found.precision) == ("openvino", "f32", "f32")
    assert "98.00% of 100 confident ids as in FP32" in said[0]
    assert "not served so" in said[0]


def test_an_engine_that_fails_says_why(prepared):
    """A graph that ONNX Runtime runs and OpenVINO does not: an operator's axis that is only known when it runs."""
    model = recognizer()
    network = prepared("recognizer", with_characters(model))
    broken = onnx.ModelProto()
    broken.CopyFrom(network.model)
    broken.graph.node[0].op_type = "Unheard"
    with pytest.raises(BuildError, match=r"OpenVINO does not run it: .*Unheard.*ONNX Runtime does not run it"):
        try_network(replace(network, model=broken), Attempt())


def with_characters(model):
    model.metadata_props.add(key="character", value="a\nb\nc")
    return model


def own_recognizer(prepared, tmp_path, stride):
    card = {"height": 8, "decoder": "ctc", "stride": stride, "characters": "abcd"}
    about = {"kind": "recognizer", "answer": "class-scores", "normalization": "half", "card": card}
    (tmp_path / "card.json").write_text(json.dumps(about))
    return prepare_recognizer(str(tmp_path / "recognizer.onnx"), card_file=tmp_path / "card.json")


def test_a_stride_that_is_not_the_networks_is_refused_with_both(prepared, tmp_path):
    """A card's stride is a guess until the network has run: this one has a time step for each pixel."""
    onnx.save(recognizer(), tmp_path / "recognizer.onnx")
    assert try_network(own_recognizer(prepared, tmp_path, 1), Attempt())[0].runtime == "openvino"
    with pytest.raises(BuildError, match=r"answers 320 time steps for 320 .*each is 1 pixels; its card says stride 8"):
        try_network(own_recognizer(prepared, tmp_path, 8), Attempt())


def test_time_steps_before_the_crops_are_refused(prepared, tmp_path):
    """Where the file's names do not tell."""
    model = recognizer()
    next(node for node in model.graph.node if node.op_type == "Transpose").attribute[0].ints[:] = [2, 0, 1]
    onnx.save(model, tmp_path / "recognizer.onnx")
    with pytest.raises(BuildError, match=r"answers \[320, 24, 5\] to 24 crops; it must be \[N, T, classes\]"):
        try_network(own_recognizer(prepared, tmp_path, 1), Attempt())


def test_a_process_that_was_killed_is_said_to_lack_memory(prepared, monkeypatch):
    """ONNX Runtime takes twice OpenVINO's memory for a FAN, and the system ends it without a word."""
    done = subprocess.CompletedProcess([], -signal.SIGKILL, stderr="")
    monkeypatch.setattr("ocdrnet_deploy.precision.trial.subprocess.run", lambda *_, **__: done)
    with pytest.raises(BuildError, match="OpenVINO does not run it: its process was killed, as the system does when"):
        try_network(prepared("detector", small_detector()), Attempt())


def test_a_trial_is_remembered_for_the_same_network_alone(prepared, monkeypatch):
    network = prepared("detector", small_detector())
    first = try_network(network, Attempt())[1]
    monkeypatch.setattr(trial, "_try", lambda *_: pytest.fail("tried again"))
    assert try_network(network, Attempt())[1] == first
    with pytest.raises(pytest.fail.Exception, match="tried again"):
        try_network(with_weight_off(network), Attempt())


def test_a_slow_network_is_warmed_up_once(prepared, monkeypatch):
    network = prepared("detector", small_detector())
    assert try_network(network, Attempt())[0].warm_ups == 3
    monkeypatch.setattr(trial, "SLOW_S", 0.0)
    assert try_network(network, Attempt())[0].warm_ups == 1


def test_agreement_in_words():
    assert str(Agreement("ids", 200, 0.995, 1)) == "99.50% of 200 confident ids as in FP32"
    assert str(Agreement("pixels", 200, 1, 2.25)) == "map off by 2.2 of 255 on average where there is text"
