"""Recognizers cut to some characters, at build time and with each run, against the whole network's own scores."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from nvidia_graphs import ocrnet
from onnx import TensorProto, helper, numpy_helper
from runs import normalized, random_images, run
from small_graphs import CLASSES, recognizer

from ocdrnet_deploy.catalog.description import NORMALIZATIONS, NetworkDescription, Normalization
from ocdrnet_deploy.errors import NetworkError
from ocdrnet_deploy.graphs.adapt import adapt_recognizer, prune_classes
from ocdrnet_deploy.networks.prepare import prepare_recognizer
from ocdrnet_deploy.precision.half import half_precision
from ocdrnet_ops.recognition.charset import Charsets
from ocdrnet_triton.engines.openvino import core

NORMALIZATION = Normalization("rgb", (100.0, 120.0, 140.0), (1 / 50, 1 / 60, 1 / 80))
SCORES = NetworkDescription("recognizer", "class-scores", NORMALIZATION, 0, {"height": 6, "decoder": "ctc"})
OCRNET = NetworkDescription(
    "recognizer", "ids", NORMALIZATIONS["gray-half"], 0, {"height": 32, "width": 100, "decoder": "ctc"}
)
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 6, 40, 3), np.uint8)
BIAS = np.linspace(-0.5, 0.5, CLASSES).astype(np.float32)
KEPT = np.array([True, False, True, False])  # of the four characters
FORMS = (
    "MatMul",
    "MatMul+Add",
    "Add+MatMul",
    "Gemm",
    "Gemm transposed",
    "Constant node",
    "behind Identity",
    "behind Transpose",
)


def whole(form="MatMul", last="Softmax", opset=13):
    """The small recognizer, its class layer written in one of the ways of exporters."""
    model = recognizer(opset, last=last)
    graph = model.graph
    matrix = numpy_helper.to_array(next(w for w in graph.initializer if w.name == "matrix"))
    layer, weights = _layer(form, matrix)
    *before, _, last_node = graph.node
    kept = [weight for weight in graph.initializer if weight.name != "matrix"]
    del graph.node[:], graph.initializer[:]
    graph.node.extend([*before, *layer, last_node])
    graph.initializer.extend([*kept, *(numpy_helper.from_array(value, name) for name, value in weights.items())])
    onnx.checker.check_model(model)
    return model


def _layer(form, matrix):
    """Nodes from `steps` to `products`, and the weights that they read."""
    if form in ("MatMul+Add", "Add+MatMul", "behind Identity", "behind Transpose"):
        operands = ["product", "bias"] if form != "Add+MatMul" else ["bias", "product"]
        end = "sum" if form.startswith("behind") else "products"
        nodes = [helper.make_node("MatMul", ["steps", "matrix"], ["product"]), helper.make_node("Add", operands, [end])]
        if form == "behind Identity":
            nodes.append(helper.make_node("Identity", ["sum"], ["products"]))
        if form == "behind Transpose":
            nodes[0] = helper.make_node("MatMul", ["time_first", "matrix"], ["product"])
            nodes.insert(0, helper.make_node("Transpose", ["steps"], ["time_first"], perm=[1, 0, 2]))
            nodes.append(helper.make_node("Transpose", ["sum"], ["products"], perm=[1, 0, 2]))
        return nodes, {"matrix": matrix, "bias": BIAS}
    if form.startswith("Gemm"):
        is_transposed = form == "Gemm transposed"
        nodes = [
            helper.make_node("Reshape", ["steps", "flat_shape"], ["flat"]),
            helper.make_node("Gemm", ["flat", "matrix", "bias"], ["flat_products"], transB=int(is_transposed)),
            helper.make_node("Concat", ["pictures", "rest"], ["shape"], axis=0),
            helper.make_node("Reshape", ["flat_products", "shape"], ["products"]),
        ]
        shapes = {"flat_shape": [-1, 3], "pictures": [len(IMAGES)], "rest": [IMAGES.shape[2], -1]}
        weights = {name: np.array(value, np.int64) for name, value in shapes.items()}
        return nodes, weights | {"matrix": np.ascontiguousarray(matrix.T) if is_transposed else matrix, "bias": BIAS}
    if form == "Constant node":
        constant = helper.make_node("Constant", [], ["made"], value=numpy_helper.from_array(matrix))
        return [constant, helper.make_node("MatMul", ["steps", "made"], ["products"])], {}
    return [helper.make_node("MatMul", ["steps", "matrix"], ["products"])], {"matrix": matrix}


def logits_of(model, pictures=IMAGES):
    """What goes into the softmax."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.append(helper.make_tensor_value_info("products", TensorProto.FLOAT, None))
    return run(copy, normalized(pictures, NORMALIZATION))["products"]


def best_of(logits, classes):
    """Ids and probabilities of the best among some classes, in NumPy; ids count the blank, class 0, as 0."""
    classes = [index for index in classes if index >= 0]
    some = logits[..., classes].astype(np.float64)
    exponents = np.exp(some - some.max(-1, keepdims=True))
    return np.asarray(classes)[some.argmax(-1)], exponents.max(-1) / exponents.sum(-1)


def run_with(model, pictures, charset):
    """Outputs of an adapted graph with a charset, by ONNX Runtime."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["output_id", "output_prob"], {"input": pictures, "charset": np.array(charset, np.int32)})


ALLOWED = [[0, 1, 3], [0], [0, 4], [0, 2], list(range(CLASSES)), [0, 3, -1, -1], [0, 1, 4, -1]]  # -1 is padding


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("opset", [11, 13, 18])
def test_cut_network_scores_the_kept_classes_alone(form, opset):
    model = whole(form, opset=opset)
    cut, description = prune_classes(model, SCORES, KEPT)
    expected, probabilities = best_of(logits_of(model), [0, 1, 3])
    found = run(adapt_recognizer(cut, description), IMAGES)
    np.testing.assert_array_equal(np.array([0, 1, 3])[found["output_id"]], expected)
    np.testing.assert_allclose(found["output_prob"], probabilities, atol=1e-6)
    assert len(np.unique(found["output_id"])) > 1


@pytest.mark.parametrize("form", FORMS)
def test_charset_of_each_run_picks_the_best_allowed_class(form):
    model = whole(form)
    adapted = adapt_recognizer(model, SCORES, with_charset=True)
    for allowed in ALLOWED:
        ids, probabilities = run_with(adapted, IMAGES, allowed)
        expected, expected_probabilities = best_of(logits_of(model), allowed)
        np.testing.assert_array_equal(ids, expected)
        np.testing.assert_allclose(probabilities, expected_probabilities, atol=1e-6)
        assert (ids.dtype, probabilities.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize("blank", [1, 4, -1])
def test_blank_elsewhere_is_kept_and_is_id_0(blank):
    """Classes in the order of ids: the blank first, then the others."""
    description, place = replace(SCORES, blank=blank), blank % CLASSES
    order = [place, *(index for index in range(CLASSES) if index != place)]
    logits = logits_of(whole())[..., order]
    cut, cut_description = prune_classes(whole(), description, KEPT)
    expected, probabilities = best_of(logits, [0, 1, 3])
    found = run(adapt_recognizer(cut, cut_description), IMAGES)
    np.testing.assert_array_equal(np.array([0, 1, 3])[found["output_id"]], expected)
    np.testing.assert_allclose(found["output_prob"], probabilities, atol=1e-6)
    for allowed in ALLOWED:
        ids, _ = run_with(adapt_recognizer(whole(), description, with_charset=True), IMAGES, allowed)
        np.testing.assert_array_equal(ids, best_of(logits, allowed)[0])
    narrow, _ = run_with(adapt_recognizer(cut, cut_description, with_charset=True), IMAGES, [0, 2])
    np.testing.assert_array_equal(np.array([0, 1, 3])[narrow], best_of(logits, [0, 3])[0])


def test_scores_before_the_softmax():
    logits = replace(SCORES, answer="class-logits")
    model = whole("MatMul+Add", last="Identity")
    cut, description = prune_classes(model, logits, KEPT)
    expected, probabilities = best_of(logits_of(model), [0, 1, 3])
    found = run(adapt_recognizer(cut, description), IMAGES)
    np.testing.assert_array_equal(np.array([0, 1, 3])[found["output_id"]], expected)
    ids, restricted = run_with(adapt_recognizer(model, logits, with_charset=True), IMAGES, [0, 1, 3])
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_allclose(restricted, probabilities, atol=1e-6)


def unslicable(last):
    """The classes' scores are squared: nothing can be sliced."""
    model = whole(last=last)
    node = model.graph.node[-1]
    node.input[0] = "squares"
    model.graph.node.insert(len(model.graph.node) - 1, helper.make_node("Mul", ["products", "products"], ["squares"]))
    return model


@pytest.mark.parametrize(("answer", "last"), [("class-scores", "Softmax"), ("class-logits", "Identity")])
@pytest.mark.parametrize("blank", [0, -1])
def test_where_nothing_can_be_sliced_the_others_are_ruled_out(answer, last, blank):
    description, model = replace(SCORES, answer=answer, blank=blank), unslicable(last)
    order = list(range(CLASSES)) if blank == 0 else [CLASSES - 1, *range(CLASSES - 1)]
    adapted = adapt_recognizer(model, description, with_charset=True)
    for allowed in ALLOWED:
        ids, probabilities = run_with(adapted, IMAGES, allowed)
        expected, expected_probabilities = best_of(logits_of(model)[..., order] ** 2, allowed)
        np.testing.assert_array_equal(ids, expected)
        np.testing.assert_allclose(probabilities, expected_probabilities, atol=1e-6)
    with pytest.raises(NetworkError, match=r"scored by \w+; they can be cut only where it is a MatMul"):
        prune_classes(model, description, KEPT)


def test_ocrnet_which_answers_ids_is_restricted_before_its_softmax():
    model, crops = ocrnet(), random_images(3, 32, 100)
    whole_ids = run(adapt_recognizer(model, OCRNET), crops)
    adapted = adapt_recognizer(model, OCRNET, with_charset=True)
    ids, probabilities = run_with(adapted, crops, range(37))
    np.testing.assert_array_equal(ids, whole_ids["output_id"])
    np.testing.assert_allclose(probabilities, whole_ids["output_prob"], atol=1e-6)
    digits, _ = run_with(adapted, crops, [*range(11), -1, -1])
    is_allowed = whole_ids["output_id"] < 11
    assert 0 < is_allowed.sum() < is_allowed.size
    assert digits.max() < 11
    np.testing.assert_array_equal(digits[is_allowed], whole_ids["output_id"][is_allowed])


def ocrnet_with_linear_head():
    """OCRNet's last convolution, then a linear layer as the real one has it."""
    model = ocrnet(classes=8)
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    model.graph.node.append(helper.make_node("MatMul", [softmax.input[0], "head"], ["products"]))
    softmax.input[0] = "products"
    head = np.random.default_rng(1).normal(size=(8, 37)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(head, "head"))
    return model


def test_ocrnet_is_cut():
    model, crops = ocrnet_with_linear_head(), random_images(4, 32, 100)
    kept = np.arange(36) < 10  # its digits
    cut, description = prune_classes(model, OCRNET, kept)
    found = run(adapt_recognizer(cut, description), crops)["output_id"]
    expected, _ = run_with(adapt_recognizer(model, OCRNET, with_charset=True), crops, range(11))
    np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) > 2


REFUSED = {
    "attention": (whole(), replace(SCORES, card={"height": 6, "decoder": "attention"}), "attention recognizer cannot"),
    "convolution": (ocrnet(), OCRNET, "scored by Transpose; they can be cut only where"),
    "other list": (whole(), replace(SCORES, card={"height": 6}), "last layer has 5 classes; 4 are needed"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_cut_is_refused(case):
    model, description, message = REFUSED[case]
    kept = np.arange(36) < 10 if case == "convolution" else KEPT[: 3 if case == "other list" else 4]
    with pytest.raises(NetworkError, match=message):
        prune_classes(model, description, kept)


def test_a_shape_with_the_number_of_classes_in_it_is_refused():
    model = whole("Gemm")
    rest = next(weight for weight in model.graph.initializer if weight.name == "rest")
    rest.CopyFrom(numpy_helper.from_array(np.array([IMAGES.shape[2], CLASSES], np.int64), "rest"))
    with pytest.raises(NetworkError, match="scored by Reshape"):
        prune_classes(model, SCORES, KEPT)


@pytest.mark.parametrize("perm", [{}, {"perm": [0, 2, 1]}], ids=["reversed", "swapped"])
def test_a_transpose_that_moves_the_classes_is_refused(perm):
    model = whole("behind Transpose")
    transpose = next(node for node in model.graph.node if node.output[0] == "products")
    transpose.CopyFrom(helper.make_node("Transpose", ["sum"], ["products"], **perm))
    with pytest.raises(NetworkError, match="scored by Transpose"):
        prune_classes(model, SCORES, KEPT)


def test_weights_that_something_else_reads_too_stay_whole():
    model = whole("MatMul+Add")
    model.graph.node.append(helper.make_node("Identity", ["bias"], ["other"]))
    cut, _ = prune_classes(model, SCORES, KEPT)
    sizes = {weight.name: list(weight.dims) for weight in cut.graph.initializer}
    assert sizes["bias"] == [CLASSES]
    assert "matrix" not in sizes
    assert sorted(sizes.values()) == [[3], [3, 3], [CLASSES]]


def test_two_outputs_of_different_softmaxes_have_no_charset():
    model = ocrnet()
    model.graph.node.append(helper.make_node("Softmax", ["steps"], ["others"], axis=2))
    next(node for node in model.graph.node if node.op_type == "ReduceMax").input[0] = "others"
    with pytest.raises(NetworkError, match="not chosen from one softmax"):
        adapt_recognizer(model, OCRNET, with_charset=True)
    with pytest.raises(NetworkError, match="not chosen from one softmax"):
        prune_classes(model, OCRNET, np.ones(36, bool))


@pytest.fixture(scope="module")
def default():
    return prepare_recognizer("ppocrv6-small")


@pytest.fixture(scope="module")
def latin():
    return prepare_recognizer("ppocrv6-small", charset="latin")


def openvino(model):
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    return core().compile_model(core().read_model(model.SerializeToString()), "CPU", settings)


CROPS = np.kron(
    np.random.default_rng(7).integers(0, 2, (2, 12, 40, 1), np.uint8) * 200, np.ones((1, 4, 4, 3), np.uint8)
)


def test_default_recognizer_with_every_class_allowed_answers_the_same(default):
    everything = np.arange(len(default.card.characters) + 1, dtype=np.int32)
    plain = openvino(default.model)(CROPS)
    restricted = openvino(default.charset_model)({"input": CROPS, "charset": everything})
    np.testing.assert_array_equal(restricted["output_id"], plain["output_id"])
    np.testing.assert_allclose(restricted["output_prob"], plain["output_prob"], atol=1e-4)


def test_default_recognizer_cut_or_restricted_answers_the_same(default, latin):
    found = Charsets(default.card).find("latin")
    assert latin.card.characters == tuple(default.card.characters[i - 1] for i in found.ids[1:])
    assert latin.card.sha256 == default.card.sha256
    cut = openvino(latin.model)(CROPS)
    restricted = openvino(default.charset_model)({"input": CROPS, "charset": found.ids})
    np.testing.assert_array_equal(found.ids[cut["output_id"]], restricted["output_id"])
    np.testing.assert_allclose(cut["output_prob"], restricted["output_prob"], atol=1e-4)
    assert len(latin.model.SerializeToString()) < 0.6 * len(default.model.SerializeToString())


def test_charset_works_on_top_of_a_cut_network(default, latin):
    digits = Charsets(latin.card).find("digits").ids
    narrow = openvino(latin.charset_model)({"input": CROPS, "charset": digits})["output_id"]
    whole_ids = Charsets(default.card).find("digits").ids
    expected = openvino(default.charset_model)({"input": CROPS, "charset": whole_ids})["output_id"]
    assert [latin.card.characters[i - 1] for i in narrow[narrow > 0]] == [
        default.card.characters[i - 1] for i in expected[expected > 0]
    ]
    assert narrow.any()


def test_padding_changes_nothing(default):
    digits = Charsets(default.card).find("digits").ids
    network = openvino(default.charset_model)
    plain, padded = (
        dict(network({"input": CROPS, "charset": np.array([*digits, *[-1] * count], np.int32)}).to_dict().items())
        for count in (0, 52)
    )
    for output, values in plain.items():
        np.testing.assert_allclose(padded[output], values, atol=1e-5)


def test_half_precision_keeps_the_charset(default):
    digits = Charsets(default.card).find("digits").ids
    expected, _ = run_with(default.charset_model, CROPS, digits)
    padded = [*digits, *[-1] * 20]
    found, probabilities = run_with(half_precision(default.charset_model), CROPS, padded)
    assert probabilities.dtype == np.float32
    assert (found == expected).mean() > 0.95


def test_half_precision_rules_classes_out_too():
    crops = random_images(3, 32, 100)
    adapted = adapt_recognizer(ocrnet(), OCRNET, with_charset=True)
    expected, _ = run_with(adapted, crops, range(11))
    found, probabilities = run_with(half_precision(adapted), crops, range(11))
    assert found.max() < 11
    assert (found == expected).mean() > 0.95
    assert np.isfinite(probabilities).all()


def test_plans_have_no_second_graph_and_are_cut_all_the_same():
    prepared = prepare_recognizer("ppocrv6-small", engine="tensorrt", charset="digits")
    assert prepared.charset_model is None
    assert prepared.card.characters == (*"0123456789", " ")


def test_unknown_set_is_refused_by_the_options_name():
    with pytest.raises(NetworkError, match="--charset is 'korean'; the recognizer ppocrv6-small has"):
        prepare_recognizer("ppocrv6-small", charset="korean")
