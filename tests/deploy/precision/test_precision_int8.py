import dataclasses

import cv2
import numpy as np
import onnx
import pytest
from small_networks import small_model

from ocdrnet_deploy.errors import BuildError
from ocdrnet_deploy.networks.prepare import prepare_detector, prepare_recognizer
from ocdrnet_deploy.precision.int8 import calibration_images, network_inputs, quantize_pair, quantized
from ocdrnet_triton.engines.openvino import core

pytest.importorskip("nncf", reason="NNCF, for --precision int8, needs Python 3.11: pip install 'ocdrnet[int8]'")


def images(count=6):
    return [np.random.default_rng(i).integers(0, 256, (1, 32, 64, 3), np.uint8) for i in range(count)]


@pytest.fixture(scope="module")
def model():
    return quantized(small_model(), images())


def run(model, image):
    return core().compile_model(core().read_model(model.SerializeToString()), "CPU")(image)[0]


def test_convolution_is_between_8_bits(model):
    nodes = list(model.graph.node)
    made = {name: node for node in nodes for name in node.output}
    (convolution,) = (node for node in nodes if node.op_type == "Conv")
    assert {made[name].op_type for name in convolution.input[:2]} == {"DequantizeLinear"}


def test_pipelines_own_nodes_are_not(model):
    made = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.name.startswith("ocdrnet_scaled") or node.name == "pred":
            assert "DequantizeLinear" not in {made[name].op_type for name in node.input if name in made}


def test_answers_stay_close(model):
    image = images(7)[-1]
    whole, small = run(small_model(), image), run(model, image)
    assert small.dtype == np.uint8
    assert np.abs(whole.astype(int) - small).max() <= 6


def test_calibration_images_of_a_folder(tmp_path):
    for name in ("b.png", "a.JPG", "c.txt"):
        content = cv2.imencode(".png", np.full((40, 50, 3), 7, np.uint8))[1].tobytes()
        (tmp_path / name).write_bytes(content)
    assert [image.shape for image in calibration_images(tmp_path)] == [(40, 50, 3)] * 2


def test_folder_without_images(tmp_path):
    with pytest.raises(BuildError, match=r"no image to calibrate INT8 on.*--calibration DIR"):
        calibration_images(tmp_path)


def test_network_inputs_are_tiles_and_own_widths_of_crops():
    detector, recognizer = prepare_detector("ppocrv6-small").card, prepare_recognizer("ppocrv6-small").card
    image = np.full((736, 1312, 3), 255, np.uint8)

    def detect(tile):
        probability = np.zeros((1, 1, *tile.shape[1:3]), np.uint8)
        probability[0, 0, 100:120, 100:300] = 255
        return probability

    tiles, crops = network_inputs([image], detect, detector, recognizer)
    assert tiles[0].shape == (1, 736, 1312, 3)
    assert crops[0].shape[:2] == (1, 48)
    assert crops[0].shape[2] % 32 == 0


def test_network_that_openvino_does_not_run():
    pair = prepare_detector("ppocrv6-small"), prepare_recognizer("ppocrv6-small")
    broken = onnx.ModelProto()
    broken.CopyFrom(pair[0].model)
    broken.graph.node[len(broken.graph.node) // 2].op_type = "Unheard"
    with pytest.raises(BuildError, match="OpenVINO does not run ppocrv6-small: "):
        quantize_pair(dataclasses.replace(pair[0], model=broken), pair[1], None)


def test_network_that_cannot_be_raised_to_int8s_opset():
    old = onnx.ModelProto()
    old.CopyFrom(small_model())
    old.opset_import[0].version = 11
    old.graph.node[2].op_type = "Unheard"
    with pytest.raises(BuildError, match="INT8 needs opset 17; the network, of 11, cannot be raised to it: "):
        quantized(old, images(1))


def test_images_without_text(tmp_path):
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 300, 3), 255, np.uint8))
    pair = prepare_detector("ppocrv6-small"), prepare_recognizer("ppocrv6-small")
    with pytest.raises(BuildError, match="found no text"):
        quantize_pair(*pair, tmp_path)
