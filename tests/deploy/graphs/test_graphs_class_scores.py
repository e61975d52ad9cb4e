from dataclasses import replace

import numpy as np
import pytest
from onnx import helper
from runs import normalized, run
from small_graphs import CLASSES, recognizer

from ocdrnet_deploy.catalog.description import NetworkDescription, Normalization
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.adapt import adapt_recognizer

NORMALIZATION = Normalization("rgb", (100.0, 120.0, 140.0), (1 / 50, 1 / 60, 1 / 80))
SCORES = NetworkDescription("recognizer", "class-scores", NORMALIZATION, 0, {"height": 6, "decoder": "ctc"})
LOGITS = replace(SCORES, answer="class-logits")
OPSETS = [11, 13, 17, 18]
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 6, 40, 3), np.uint8)


def scores_of(model, pictures=IMAGES):
    return next(iter(run(model, normalized(pictures, NORMALIZATION)).values()))


def with_blank_first(ids, blank):
    """Classes without the blank keep their order: 1, 2, 3, ..."""
    others = [index for index in range(CLASSES) if index != blank]
    return np.vectorize(lambda index: 0 if index == blank else others.index(index) + 1)(ids)


@pytest.mark.parametrize("description", [SCORES, LOGITS], ids=["scores", "logits"])
@pytest.mark.parametrize("opset", OPSETS)
def test_best_class_and_its_probability(opset, description):
    original = recognizer(opset, last="Softmax" if description is SCORES else "Identity")
    found = run(adapt_recognizer(original, description), IMAGES)
    scores = scores_of(recognizer(opset))
    assert (found["output_id"].dtype, found["output_prob"].dtype) == (np.int32, np.float32)
    np.testing.assert_array_equal(found["output_id"], scores.argmax(-1))
    np.testing.assert_allclose(found["output_prob"], scores.max(-1), atol=1e-6)
    assert len(np.unique(found["output_id"])) > 2


@pytest.mark.parametrize("blank", [0, 2, CLASSES - 1, -1, -CLASSES])
def test_blank_goes_to_0_and_the_others_keep_their_order(blank):
    found = run(adapt_recognizer(recognizer(), replace(SCORES, blank=blank)), IMAGES)
    best = scores_of(recognizer()).argmax(-1)
    np.testing.assert_array_equal(found["output_id"], with_blank_first(best, blank % CLASSES))
    assert found["output_id"].dtype == np.int32


@pytest.mark.parametrize("blank", [CLASSES, -CLASSES - 1])
def test_blank_outside_the_classes_is_refused(blank):
    with pytest.raises(NetworkError, match=f"blank is class {blank}; the recognizer has {CLASSES}"):
        adapt_recognizer(recognizer(), replace(SCORES, blank=blank))


def test_ties_go_to_the_lowest_class():
    """Pictures that normalize to nothing: every class has the same score."""
    flat = np.broadcast_to(np.array(NORMALIZATION.mean[::-1], np.uint8), (1, 6, 4, 3)).copy()
    found = run(adapt_recognizer(recognizer(), SCORES), flat)
    assert not found["output_id"].any()
    np.testing.assert_allclose(found["output_prob"], 1 / CLASSES, rtol=1e-6)


def test_softmax_that_is_handed_on_is_found():
    original = recognizer(output_name="inner")
    original.graph.node.append(helper.make_node("Identity", ["inner"], ["scores"]))
    original.graph.output[0].name = "scores"
    found = run(adapt_recognizer(original, SCORES), IMAGES)
    np.testing.assert_array_equal(found["output_id"], scores_of(recognizer()).argmax(-1))


def test_scores_without_a_softmax_are_refused():
    with pytest.raises(NetworkError, match=r"'scores' is made by Relu; it must be a Softmax.*class-logits"):
        adapt_recognizer(recognizer(last="Relu"), SCORES)


def test_output_that_nothing_makes_is_refused():
    original = recognizer()
    original.graph.output[0].name = "elsewhere"
    with pytest.raises(NetworkError, match="'elsewhere' is made by nothing"):
        adapt_recognizer(original, SCORES)


@pytest.mark.parametrize("classes", ["many", 0])
def test_unknown_number_of_classes_is_refused(classes):
    original = recognizer(classes="many")
    if not classes:
        original.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(NetworkError, match="'scores' does not say how many classes"):
        adapt_recognizer(original, SCORES)


@pytest.mark.parametrize(("opset", "axis", "fits"), [(13, -1, True), (13, 2, True), (13, 1, False), (11, 1, False)])
def test_softmax_must_run_over_the_classes(opset, axis, fits):
    original = recognizer(opset, axis=axis)
    if fits:
        adapt_recognizer(original, SCORES)
        return
    with pytest.raises(NetworkError, match=f"softmax runs over axis {axis}"):
        adapt_recognizer(original, SCORES)


@pytest.mark.parametrize(("opset", "fits"), [(11, False), (13, True)])
def test_softmax_without_an_axis_has_its_opsets(opset, fits):
    original = recognizer(opset)
    del original.graph.node[-1].attribute[:]
    if fits:
        adapt_recognizer(original, SCORES)
        return
    with pytest.raises(NetworkError, match="softmax runs over axis 1"):
        adapt_recognizer(original, SCORES)
