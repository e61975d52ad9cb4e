"""A repository of two recognizers, and the step that runs both: its own code, with networks of one script each."""

import dataclasses
import importlib.util
import json
import sys
from types import ModuleType

import numpy as np
import onnx
import pytest
from google.protobuf import json_format
from script_networks import alphabet, network, steps

from ocdrnet_deploy.networks.prepare import PreparedDetector, prepare_recognizer
from ocdrnet_deploy.repository.assemble import assemble_repository
from ocdrnet_deploy.repository.configs import read_config
from ocdrnet_deploy.repository.profile import cpu_profile
from ocdrnet_ops.cards import DetectorCard
from ocdrnet_ops.recognition.charset import Charsets

LATIN, GREEK = alphabet(["Latin"])[10:], alphabet(["Greek"])[10:]
CARD = {"height": 48, "decoder": "ctc", "stride": 8}


def placed(folder, name, characters, before):
    """A network's file and card, prepared; its classes are the grays after those of another network.

    A gray of the other's is nearest to the blank, or to its last class: it reads nothing, or one character.
    """
    model = network(characters, before)
    onnx.save(model, folder / f"{name}.onnx")
    description = {
        "kind": "recognizer",
        "answer": "class-scores",
        "normalization": "half",
        "max_batch": 0,
        "card": CARD,
    }
    (folder / f"{name}.json").write_text(json.dumps(description))
    prepared = prepare_recognizer(str(folder / f"{name}.onnx"), card_file=folder / f"{name}.json")
    return dataclasses.replace(prepared, precision="f32")  # bfloat16 tells no gray from the next


@pytest.fixture(scope="module")
def step(tmp_path_factory):
    """The step `ocrnet` of such a repository, loaded as Triton does."""
    folder = tmp_path_factory.mktemp("several")
    first, second = placed(folder, "latin", LATIN, 0), placed(folder, "greek", GREEK, 100)
    detector = PreparedDetector(onnx.ModelProto(), DetectorCard("d", "s", "MIT", "0", "multiple-of-32"))
    profile = cpu_profile("latency", detector.card.max_candidates, 1)
    assemble_repository(folder / "served", detector, first, profile, others=[second])
    config = read_config(folder / "served" / "ocrnet" / "config.pbtxt")
    with pytest.MonkeyPatch.context() as patch:
        requests = ModuleType("ocdrnet_triton.requests")  # it imports what only Triton has
        vars(requests).update(dict.fromkeys(("answer_batch", "options", "tensor")))
        patch.setitem(sys.modules, "ocdrnet_triton.requests", requests)
        spec = importlib.util.spec_from_file_location("step", folder / "served" / "ocrnet" / "1" / "model.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        patch.setattr(module, "prepare_process", lambda: None)
        loaded = module.TritonPythonModel()
        loaded.initialize(
            {
                "model_config": json.dumps(json_format.MessageToDict(config, preserving_proto_field_name=True)),
                "model_repository": str(folder / "served" / "ocrnet"),
            }
        )
    return loaded


def texts(step, crops, charset="all"):
    found = Charsets(step._card).find(charset)
    widest = max(crop.shape[1] for crop in crops)
    batch = np.zeros((len(crops), 48, widest, 3), np.uint8)
    for row, crop in zip(batch, crops, strict=True):
        row[:, : crop.shape[1]] = crop
    (answer,) = step._answer([(batch, np.array([crop.shape[1] for crop in crops], np.int32), found)])
    return ["".join(step._card.characters[i - 1] for i in row if i) for row in answer["output_id"]]


def greek(text):
    crop = steps(text, GREEK)
    return np.where(crop, crop + np.uint8(100), crop)


def test_each_line_is_read_by_the_network_that_knows_it(step):
    assert texts(step, [steps("fade", LATIN), greek("ανα"), steps("beg", LATIN)]) == ["fade", "ανα", "beg"]
    assert texts(step, [greek("και"), greek("νερο"), greek("με")]) == ["και", "νερο", "με"]


def test_a_charset_asks_the_network_that_has_it(step):
    assert texts(step, [greek("νερο"), steps("fade", LATIN)], "greek")[0] == "νερο"
    assert texts(step, [steps("fade", LATIN)], "latin") == ["fade"]
