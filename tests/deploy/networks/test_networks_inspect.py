"""`models inspect`: proposals for networks as their toolkits export them, and refusals."""

import json

import onnx
import pytest
from click.testing import CliRunner
from nvidia_graphs import deformable_ocdnet, ocdnet, ocrnet, value
from onnx import helper, numpy_helper
from small_graphs import CLASSES, detector, flat_detector, recognizer

from ocdrnet_deploy.catalog.description import NORMALIZATIONS
from ocdrnet_deploy.commands.models import models
from ocdrnet_deploy.networks.description_file import read_description
from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_deploy.networks.propose import OCRNET_ATTENTION, OCRNET_CTC, propose_description


def run(*arguments):
    return CliRunner().invoke(models, ["inspect", *map(str, arguments)])


@pytest.fixture
def save(tmp_path):
    def to_file(model):
        path = tmp_path / "net.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return to_file


def with_lstms(count):
    """OCRNet's signature with as many recurrent nodes as its attention decoder has."""
    model = ocrnet(height=64, width=200)
    model.graph.node.extend(helper.make_node("LSTM", ["a", "b", "c"], [f"lstm{i}"]) for i in range(count))
    return model


def propose(model):
    return propose_description(model).description


def test_ocdnet():
    found = propose(ocdnet(height=640, width=640))
    assert (found.kind, found.answer, found.max_batch) == ("detector", "probability-map", 0)
    assert found.normalization == NORMALIZATIONS["tao"]
    assert found.card == {
        "resize": "stretch",
        "height": 640,
        "width": 640,
        "binarize_threshold": 0.3,
        "box_threshold": 0.55,
        "unclip_ratio": 1.5,
    }


def test_ocdnet_of_one_image_and_of_free_size():
    assert propose(ocdnet(batch=1)).max_batch == 1
    card = propose(deformable_ocdnet()).card
    assert (card["resize"], card["height"], card["width"]) == ("stretch", 736, 1280)


@pytest.mark.parametrize(
    ("lstms", "decoder", "characters"), [(2, "ctc", OCRNET_CTC), (28, "attention", OCRNET_ATTENTION)]
)
def test_ocrnet(lstms, decoder, characters):
    found = propose(with_lstms(lstms))
    assert (found.kind, found.answer) == ("recognizer", "ids")
    assert found.normalization == NORMALIZATIONS["gray-half"]
    assert found.card == {
        "height": 64,
        "width": 200,
        "decoder": decoder,
        "interpolation": "cubic",
        "characters": characters,
        "time_steps": 26,
    }


@pytest.mark.parametrize(
    ("input_name", "output_name", "last", "answer", "normalization"),
    [
        ("x", "sigmoid_0.tmp_0", "Sigmoid", "probability-map", "imagenet-bgr"),
        ("input", "output", "Sigmoid", "probability-map", "imagenet-rgb"),
        ("input", "logits", "Identity", "logit-map", "doctr-detection"),
    ],
    ids=["PaddleOCR", "MMOCR", "docTR"],
)
def test_other_detectors(input_name, output_name, last, answer, normalization):
    found = propose(detector(input_name=input_name, output_name=output_name, last=last))
    assert (found.answer, found.normalization) == (answer, NORMALIZATIONS[normalization])
    assert found.card["resize"] == "multiple-of-32"


def test_map_without_planes_is_a_detectors_and_keeps_its_sigmoid():
    found = propose(flat_detector())
    assert (found.kind, found.answer) == ("detector", "probability-map")


@pytest.mark.parametrize(
    ("output_name", "last", "answer", "normalization", "blank"),
    [
        ("softmax_0.tmp_0", "Softmax", "class-scores", "half", 0),
        ("logits", "Identity", "class-logits", "doctr-recognition", -1),
    ],
    ids=["PaddleOCR", "docTR"],
)
def test_other_recognizers(output_name, last, answer, normalization, blank):
    found = propose_description(recognizer(output_name=output_name, last=last))
    description = found.description
    assert (description.kind, description.answer, description.blank) == ("recognizer", answer, blank)
    assert description.normalization == NORMALIZATIONS[normalization]
    padding = {"padding": "black"} if output_name == "logits" else {}
    assert description.card == {"height": 48, "decoder": "ctc", "stride": 8, "characters": ""} | padding
    assert f"put in the {CLASSES - 1} of the classes" in " ".join(found.notes)


def with_planes(model, planes):
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = planes
    return model


def test_ocrnet_of_three_planes_is_fed_rgb():
    """TAO opens the images of such a network as RGB (`ocrnet/dataloader/ocr_dataset.py`)."""
    assert propose(with_planes(ocrnet(), 3)).normalization == NORMALIZATIONS["rgb-half"]


def test_one_plane_of_scores_is_gray_and_build_takes_it(save, tmp_path):
    """As EasyOCR's recognizers, which repeat a line's last column beside it."""
    model = with_planes(recognizer(), 1)
    (matrix,) = (weight for weight in model.graph.initializer if weight.name == "matrix")
    matrix.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(matrix)[:1], "matrix"))
    path, card = save(model), tmp_path / "card.json"
    assert run(path, "--card", card).exit_code == 0
    proposed = json.loads(card.read_text())
    assert (proposed["normalization"], proposed["card"]["padding"]) == ("gray-half", "edge")
    proposed["card"]["characters"] = "abcd"[: CLASSES - 1]
    card.write_text(json.dumps(proposed))
    assert prepare_recognizer(str(path), card_file=card).card.padding == "edge"


def with_attention(model):
    """The model with an attention layer beside what it computes."""
    model.graph.node.append(helper.make_node("Softmax", ["products"], ["attended"], axis=-1))
    model.graph.node.append(helper.make_node("MatMul", ["attended", "attended"], ["attention"]))
    return model


def with_sizes(model, steps, width):
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 32
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = width
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = steps
    return model


@pytest.mark.parametrize(("steps", "decoder"), [(33, "attention"), (32, "ctc")], ids=["vitstr", "viptr"])
def test_steps_that_are_no_places_are_an_attention_decoders(steps, decoder):
    model = with_sizes(with_attention(recognizer(output_name="logits", last="Identity")), steps, 128)
    found = propose_description(model)
    card = found.description.card
    assert (card["decoder"], found.description.blank, card["keep_aspect"], card["padding"]) == (
        decoder,
        -1,
        True,
        "black",
    )
    assert any(note.startswith(f"decoder {decoder}:") for note in found.notes)


def test_a_fan_is_binarized_at_one_half():
    model = ocdnet()
    model.graph.node.append(helper.make_node("Softmax", ["c1"], ["attended"], axis=-1))
    model.graph.node.append(helper.make_node("MatMul", ["attended", "c1"], ["attention"]))
    found = propose_description(model)
    assert found.description.card["binarize_threshold"] == 0.5
    assert any(note.startswith("binarize_threshold 0.5: the graph has the attention of a FAN") for note in found.notes)


def test_an_opset_that_build_refuses_is_refused_here(save):
    model = onnx.ModelProto()
    model.CopyFrom(detector())
    model.opset_import[0].version = 10
    result = run(save(model))
    assert result.exit_code == 2
    assert "opset 10; it must be 11 or later" in result.stderr


@pytest.mark.parametrize("batch", ["N", 1])
def test_time_steps_before_the_images_are_refused(save, batch):
    """As PyTorch's CTC loss wants them, and many recognizers are exported."""
    model = recognizer()
    model.graph.input[0].CopyFrom(value("x", batch, 3, "h", "w"))
    model.graph.output[0].CopyFrom(value("scores", 26, batch, CLASSES))
    result = run(save(model))
    assert result.exit_code == 2
    assert f"scores FLOAT [26, {batch}, {CLASSES}] has its time steps before the images" in result.stderr
    model.graph.output[0].CopyFrom(value("scores", batch, 26, CLASSES))
    assert run(save(model)).exit_code == 0


def test_characters_in_the_file_need_not_be_put_in():
    model = recognizer()
    model.metadata_props.add(key="character", value="a\nb\nc")
    assert "characters" not in propose(model).card


def two_inputs():
    model = detector()
    model.graph.input.append(value("mask", 1, 1))
    return model


def classifier():
    model = detector()
    model.graph.output[0].CopyFrom(value("label", "N", 10))
    return model


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (two_inputs(), "has 2 inputs (x, mask); it must have one"),
        (classifier(), "outputs are label FLOAT [N, 10]; a detector's is FLOAT [N, 1, H, W], a recognizer's"),
    ],
    ids=["two inputs", "classifier"],
)
def test_what_fits_no_contract_is_refused_with_the_difference(save, model, reason):
    result = run(save(model), "--json")
    assert result.exit_code == 2
    report = json.loads(result.stdout)
    assert report["proposal"] is None
    assert reason in report["refusal"]
    assert f"cannot be served: {report['refusal']}" in result.stderr


def test_report_as_json(save):
    result = run(save(deformable_ocdnet()), "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["file"], report["opset"], report["refusal"]) == ("net.onnx", 11, "")
    assert report["custom_operators"] == ["ModulatedDeformConv2d"]
    assert report["inputs"] == [{"name": "input", "dtype": "FLOAT", "dims": ["batch", 3, "height", "width"]}]
    assert report["outputs"] == [{"name": "pred", "dtype": "FLOAT", "dims": ["batch", 1, "h", "w"]}]
    assert report["proposal"]["normalization"] == "tao"
    assert report["notes"]


def test_report_as_text(save):
    lines = run(save(ocrnet())).stdout.splitlines()
    assert lines[0] == "net.onnx: opset 17"
    assert "input     input FLOAT [batch, 1, 32, 100]" in lines
    assert "output    output_id INT64 [batch, 26]" in lines
    assert any(line.startswith("check     characters: those of NVIDIA's own") for line in lines)
    assert not any(line.startswith("custom") for line in lines)
    assert json.loads("\n".join(lines[lines.index("{") :]))["answer"] == "ids"


def test_proposed_card_is_what_prepare_takes(save, tmp_path):
    card = tmp_path / "cards" / "card.json"
    for model, kind, prepare in (
        (ocdnet(), "detector", prepare_detector),
        (ocrnet(), "recognizer", prepare_recognizer),
    ):
        path = save(model)
        assert run(path, "--card", card).exit_code == 0
        assert read_description(card, kind) == propose(model)
        assert prepare(str(path), card_file=card) == prepare(str(path))


def test_what_cannot_be_read_is_an_error_without_a_traceback(tmp_path):
    for name in ("x.onnx", "card.json", "x.textproto"):  # ONNX's own reader goes by the name's end
        (tmp_path / name).write_bytes(b"{}")
    for name in ("x.onnx", "card.json", "x.textproto", "missing.onnx"):
        result = run(tmp_path / name)
        assert result.exit_code == 2
        assert isinstance(result.exception, SystemExit)
        assert "Error: " in result.stderr


def test_a_name_of_the_catalog_has_its_card_there():
    result = run("ocrnet-v1.0.1")
    assert result.exit_code == 2
    assert "Error: ocrnet-v1.0.1 is a network of the catalog, which has its card" in result.stderr
    assert "--engine tensorrt" in result.stderr


def test_weights_that_lie_elsewhere_and_are_missing(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(detector(), path, save_as_external_data=True, location="weights", size_threshold=0)
    (tmp_path / "weights").unlink()
    result = run(path)
    assert result.exit_code == 2
    assert f"Error: {path} cannot be read as ONNX" in result.stderr


def test_card_that_cannot_be_written(save, tmp_path):
    (tmp_path / "in-the-way").write_text("")
    result = run(save(ocdnet()), "--card", tmp_path / "in-the-way" / "card.json")
    assert result.exit_code == 2
    assert "card.json cannot be written: " in result.stderr


def test_dimension_of_minus_one_is_free(save):
    """As older PaddleOCR exports write it."""
    model = onnx.ModelProto()
    model.CopyFrom(detector())
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = -1
    assert "x FLOAT [N, 3, ?, w]" in run(save(model)).stdout
