"""`models build --charset`, and the second graph of a recognizer in the served repository."""

import onnx
import pytest
from click.testing import CliRunner
from test_repository_assemble import DETECTOR, PROFILE, RECOGNIZER

from ocdrnet_deploy.commands.models import models
from ocdrnet_deploy.networks.prepare import PreparedRecognizer
from ocdrnet_deploy.repository.assemble import assemble_repository
from ocdrnet_ops.cards import read_recognizer_card

WITH_CHARSET = PreparedRecognizer(RECOGNIZER.model, RECOGNIZER.card, charset_model=onnx.ModelProto(producer_name="two"))


def build(folder, *options):
    return CliRunner().invoke(models, ["build", "--output", str(folder), *options])


def test_second_graph_lies_beside_the_first_while_there_is_one(tmp_path):
    placed = tmp_path / "ocrnet" / "1" / "charset.onnx"
    assemble_repository(tmp_path, DETECTOR, WITH_CHARSET, PROFILE)
    assert placed.read_bytes() == WITH_CHARSET.charset_model.SerializeToString()
    assemble_repository(tmp_path, DETECTOR, RECOGNIZER, PROFILE)
    assert not placed.exists()


@pytest.mark.full
def test_recognizer_is_cut_on_the_command_line(tmp_path):
    result = build(tmp_path, "--charset", "digits+-/")
    assert result.exit_code == 0, result.output
    assert read_recognizer_card(tmp_path / "ocrnet" / "1" / "card.json").characters == (*"-/0123456789", " ")


@pytest.mark.parametrize(
    ("charset", "message"),
    [
        ("korean", "Error: --charset is 'korean'; the recognizer ppocrv6-small has no character of that set"),
        ("12ж", "Error: --charset is '12ж'; the recognizer ppocrv6-small does not know 'ж'"),
        ("latn", "Error: --charset is 'latn', which is no set, but latin is"),
    ],
)
def test_bad_charset_is_refused_before_anything_is_written(tmp_path, charset, message):
    result = build(tmp_path / "repository", "--charset", charset)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "repository").exists()
