import shutil

import pytest
from click.testing import CliRunner
from ngc_stand_in import SMALL
from twin_contracts import DETECTORS, RECOGNIZERS
from twin_detector import detector_twin
from twin_recognizer import recognizer_twin

from ocdrnet_deploy.catalog.catalog import find_by_name
from ocdrnet_deploy.commands.models_download import download
from ocdrnet_deploy.networks.weights import character_list, find_weights

DETECTOR = "ocdnet-v1.0-resnet18"
RECOGNIZER = "ocrnet-v2.0.1"


def take(name, origin, *more):
    return CliRunner().invoke(download, [name, "--from", str(origin), "--accept-eula", *map(str, more)])


def write(path, content=SMALL):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("file", "origin"),
    [
        ("renamed.onnx", "renamed.onnx"),
        ("dcn_resnet18.onnx", "."),
        ("ocdnet_vdeployable_v1.0/dcn_resnet18.onnx", "."),
        ("ocdnet_vdeployable_v1.0/dcn_resnet18.onnx", "ocdnet_vdeployable_v1.0"),
        ("networks/nvidia/tao/ocdnet/deployable_v1.0/dcn_resnet18.onnx", "."),
        ("networks/nvidia/tao/ocdnet/deployable_v1.0/dcn_resnet18.onnx", "networks"),
    ],
)
def test_file_and_folders(tmp_path, cache, file, origin):
    write(tmp_path / "disk" / file)
    result = take(DETECTOR, tmp_path / "disk" / origin)
    assert result.exit_code == 0, result.output
    path = find_weights(find_by_name(DETECTOR))
    assert path == cache / "networks/nvidia/tao/ocdnet/deployable_v1.0/dcn_resnet18.onnx"
    assert path.read_bytes() == SMALL
    assert result.stdout == f"{DETECTOR}: {path}\n"


def test_cache_of_another_machine_verifies(tmp_path, cache, monkeypatch):
    take(DETECTOR, write(tmp_path / "model.onnx"))
    moved = tmp_path / "moved"
    shutil.move(cache, moved)
    assert take(DETECTOR, moved).exit_code == 0
    shutil.rmtree(cache)
    write(moved / "networks/nvidia/tao/ocdnet/deployable_v1.0/dcn_resnet18.onnx", SMALL + b"?")
    result = take(DETECTOR, moved)
    assert result.exit_code == 1
    assert "has not the SHA-256 that stands in dcn_resnet18.onnx.sha256; copy it anew" in result.stderr


def test_another_file_than_recorded_is_refused(tmp_path):
    take(DETECTOR, write(tmp_path / "model.onnx"))
    result = take(DETECTOR, write(tmp_path / "other.onnx", SMALL + b"?"))
    assert result.exit_code == 1
    assert "expected is" in result.stderr
    assert find_weights(find_by_name(DETECTOR)).read_bytes() == SMALL


def test_character_list_comes_along(tmp_path):
    write(tmp_path / "ocrnet_vdeployable_v2.0.1" / "character_list", b"a\r\nb\r\n")
    write(tmp_path / "ocrnet_vdeployable_v2.0.1" / "ocrnet-vit.onnx")
    assert take(RECOGNIZER, tmp_path).exit_code == 0
    assert character_list(find_by_name(RECOGNIZER)) == ("a", "b")


def test_a_character_list_that_tao_takes_is_taken(tmp_path):
    """Its lines may be blank, or hold several characters."""
    write(tmp_path / "character_list", b"ab \r\n\r\nc\r\n")
    write(tmp_path / "ocrnet-vit.onnx")
    assert take(RECOGNIZER, tmp_path).exit_code == 0
    assert character_list(find_by_name(RECOGNIZER), 3) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("name", "kind", "model"),
    [(DETECTOR, "recognizer", recognizer_twin(RECOGNIZERS[0])), (RECOGNIZER, "detector", detector_twin(DETECTORS[2]))],
)
def test_a_file_of_the_other_kind_is_refused(tmp_path, cache, name, kind, model):
    path = write(tmp_path / "model.onnx", model.SerializeToString())
    result = take(name, path)
    assert result.exit_code == 1
    other = "detector" if kind == "recognizer" else "recognizer"
    assert result.stderr == f"Error: {path} is a {kind}; {name} is a {other}. Give the {other}'s file\n"
    assert not list(cache.rglob("*.onnx"))


def test_version_without_a_name_in_the_catalog(tmp_path):
    folder = tmp_path / "ocdnet_vdeployable_v2.2"
    write(folder / "b.onnx")
    assert take("ocdnet-v2.2", tmp_path).exit_code == 0
    assert find_weights(find_by_name("ocdnet-v2.2")).name == "b.onnx"


def test_several_files_want_a_choice(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        write(tmp_path / name)
    result = take("ocdnet-v2.1", tmp_path)
    assert result.exit_code == 2
    assert "holds a.onnx, b.onnx; choose one with --file NAME" in result.stderr
    assert take("ocdnet-v2.1", tmp_path, "--file", "a.onnx").exit_code == 0


def test_folder_without_the_file_says_where_it_looked(tmp_path):
    (tmp_path / "empty").mkdir()
    result = take(DETECTOR, tmp_path / "empty")
    assert result.exit_code == 1
    assert "dcn_resnet18.onnx is in none of" in result.stderr
    assert "ocdnet_vdeployable_v1.0" in result.stderr


def test_what_is_no_network_is_refused(tmp_path):
    result = take(DETECTOR, write(tmp_path / "page.onnx", b"<html>"))
    assert result.exit_code == 1
    assert "no ONNX file" in result.stderr


def test_origin_that_cannot_be_read_is_not_the_caches_fault(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    path = write(tmp_path / "model.onnx")
    monkeypatch.setattr("ocdrnet_deploy.networks.local_copy.sha256_of", refuse)
    result = take(DETECTOR, path)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {path} cannot be read: Permission denied\n"


def test_licence_holds_for_copies_too(tmp_path):
    path = write(tmp_path / "model.onnx")
    result = CliRunner().invoke(download, [DETECTOR, "--from", str(path)])
    assert result.exit_code == 2
    assert "--accept-eula" in result.stderr


def test_network_of_a_package_is_not_downloaded():
    result = CliRunner().invoke(download, ["ppocrv6-small"])
    assert result.exit_code == 0
    assert result.stdout.startswith("ppocrv6-small: ")


def test_unknown_network_ends_with_2_and_the_known_ones():
    result = CliRunner().invoke(download, ["other"])
    assert result.exit_code == 2
    assert "known are ppocrv6-small" in result.stderr
