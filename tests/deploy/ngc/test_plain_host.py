"""Networks from a host without keys: a loopback stand-in serves files whose SHA-256 the catalog is told."""

import copy
import dataclasses
import hashlib
from importlib import resources

import pytest
import yaml
from click.testing import CliRunner
from ngc_stand_in import SMALL, Plain, Storage, serving

from ocdrnet_deploy.catalog import catalog as catalog_module
from ocdrnet_deploy.catalog.catalog import UrlFile, catalog, find_all_by_name, find_network
from ocdrnet_deploy.commands import models_download
from ocdrnet_deploy.commands.models_download import download as command
from ocdrnet_deploy.errors import ChecksumError, DownloadError, NgcNotFoundError, NgcUnavailableError, WeightsError
from ocdrnet_deploy.networks.weights import are_weights_present, find_weights
from ocdrnet_deploy.ngc.connection import RetryPolicy
from ocdrnet_deploy.ngc.fetch import fetch
from ocdrnet_deploy.ngc.plain_host import PlainHost

NAME = "ppocrv5-arabic"
FILE = "arabic_PP-OCRv5_rec_mobile.onnx"
PLACE = f"networks/RapidAI/RapidOCR/v3.10.0/{FILE}"
ROWS = [entry for entry in catalog() if isinstance(entry.source, UrlFile)]
POLICY = RetryPolicy(attempts=3, first_s=0.01)


def listed(entry):
    """The row of RapidOCR's own table that has an entry's address."""
    text = resources.files("rapidocr").joinpath("default_models.yaml").read_text(encoding="utf-8")
    rows = yaml.safe_load(text)["onnxruntime"]
    kind = {"detector": "det", "recognizer": "rec"}[entry.description.kind]
    found = [row for version in rows.values() for row in version[kind].values() if "model_dir" in row]
    return [row["SHA256"] for row in found if row["model_dir"] == entry.source.url]


@pytest.mark.parametrize("entry", ROWS, ids=lambda entry: f"{entry.description.kind}-{entry.name}")
def test_addresses_and_checksums_are_those_that_rapidocr_lists(entry):
    assert listed(entry) == [entry.sha256]
    assert entry.source.url.startswith("https://")
    assert f"/{entry.source.version}/" in entry.source.url


def test_scripts_have_their_recognizers():
    scripts = {script for entry in ROWS for script in entry.readable_scripts}
    assert scripts >= {"Cyrillic", "Arabic", "Korean", "Greek", "Thai", "Devanagari", "Tamil", "Telugu", "Latin"}
    names = {(entry.description.kind, entry.name) for entry in ROWS}
    tiers = ("ppocrv6-medium", "ppocrv5-server", "ppocrv6-tiny")
    assert names >= {(kind, name) for kind in ("detector", "recognizer") for name in tiers}


@pytest.fixture
def host():
    """Published files by their address's path, and how the host misbehaves."""
    storage = Storage({FILE: SMALL})
    with serving(storage, Plain) as storage.url:
        yield storage


@pytest.fixture
def entry(host):
    """A row whose file lies on the stand-in."""
    row = find_network("recognizer", NAME)
    source = dataclasses.replace(row.source, url=f"{host.url}/{FILE}")
    return dataclasses.replace(row, source=source, sha256=hashlib.sha256(SMALL).hexdigest())


def bring(entry):
    return fetch(entry, entry.source, PlainHost(entry.source), accepted_by="", policy=POLICY)


@pytest.mark.parametrize("redirects", [True, False])
def test_file_arrives_without_key_or_licence(host, entry, cache, redirects):
    host.redirects = redirects
    path = bring(entry)
    assert path == cache / PLACE == find_weights(entry)
    assert path.read_bytes() == SMALL
    assert not any("Authorization" in headers for _, _, headers in host.seen)
    assert len(host.requests("api")) == 1, "no list of characters is asked for: they are in the network"
    host.files = {}
    assert bring(entry) == path


def test_broken_download_is_gone_on_with(host, entry):
    host.truncate = [90_000]
    assert bring(entry).read_bytes() == SMALL
    assert host.sent == len(SMALL)
    assert host.seen[-1][2]["Range"] == "bytes=90000-"


def test_other_bytes_than_the_catalogs_are_not_kept(host, entry, cache):
    host.files[FILE] = SMALL[:-1] + b"?"
    with pytest.raises(ChecksumError, match=rf"expected is {entry.sha256}\. It was not kept$"):
        bring(entry)
    assert not (cache / PLACE).exists()
    assert not list((cache / PLACE).parent.glob(".*.part"))
    with pytest.raises(WeightsError, match="is not on this machine; ocdrnet models download ppocrv5-arabic"):
        find_weights(entry)


def test_missing_file_is_named_with_the_way_out(host, entry):
    host.files = {}
    with pytest.raises(NgcNotFoundError, match=rf"127.0.0.1 has no file {entry.source.url} \(404\).*--from FILE"):
        bring(entry)


def test_refusal_is_told_at_once(host, entry):
    host.api_failures = [403]
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 answered 403\. Or bring http.*--from FILE"):
        bring(entry)
    assert len(host.seen) == 1


def test_passing_failures_are_tried_again(host, entry):
    host.api_failures, host.storage_failures = [503], [500]
    assert bring(entry).read_bytes() == SMALL


def test_host_that_is_away_is_named_with_the_way_out(host, entry):
    away = dataclasses.replace(entry.source, url=f"http://127.0.0.1:9/{FILE}")
    with pytest.raises(NgcUnavailableError) as caught:
        bring(dataclasses.replace(entry, source=away))
    text = str(caught.value)
    assert text.startswith("127.0.0.1 cannot be reached: the connection failed (NewConnectionError), 3 times in a row")
    assert text.endswith(f"Or bring {away.url} from elsewhere, and give it with --from FILE")
    assert "NGC" not in text


@pytest.mark.parametrize("location", ["", "ftp://127.0.0.1/file"])
def test_redirect_to_nowhere_is_refused(host, entry, location):
    host.location = location
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1 redirects to nowhere"):
        bring(entry)


def test_address_without_tls_is_refused(entry):
    with pytest.raises(DownloadError, match="must begin with https://"):
        PlainHost(dataclasses.replace(entry.source, url="http://models.example/file.onnx"))


@pytest.fixture
def published(monkeypatch, host):
    """A detector and a recognizer of one name on the stand-in, in the catalog."""
    data = catalog_module.catalog_data()
    host.files = {}
    for kind in ("detector", "recognizer"):
        row, content = data[f"{kind}s"]["ppocrv6-medium"], SMALL + kind.encode()
        name = row["source"]["url"].rsplit("/", 1)[-1]
        host.files[name] = content
        row["source"]["url"], row["sha256"] = f"{host.url}/{name}", hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(catalog_module, "catalog_data", lambda: copy.deepcopy(data))
    return host


def run(*arguments):
    return CliRunner().invoke(command, [*map(str, arguments)])


def test_command_brings_both_networks_of_a_name(published, cache):
    result = run("ppocrv6-medium")
    assert result.exit_code == 0, result.output
    folder = cache / "networks/RapidAI/RapidOCR/v3.10.0"
    detector, recognizer = (folder / f"PP-OCRv6_{kind}_medium.onnx" for kind in ("det", "rec"))
    assert result.stdout == f"ppocrv6-medium: {detector}\nppocrv6-medium: {recognizer}\n"
    assert all(are_weights_present(entry) for entry in find_all_by_name("ppocrv6-medium"))


@pytest.mark.parametrize("kind", ["detector", "recognizer"])
def test_command_takes_one_file_for_the_network_that_it_is(published, tmp_path, monkeypatch, kind):
    content = SMALL + kind.encode()
    (tmp_path / "file.onnx").write_bytes(content)
    monkeypatch.setattr(models_download, "kind_of", lambda path: kind)
    result = run("ppocrv6-medium", "--from", tmp_path / "file.onnx")
    assert result.exit_code == 0, result.output
    present = [entry.description.kind for entry in find_all_by_name("ppocrv6-medium") if are_weights_present(entry)]
    assert present == [kind]
    assert published.seen == []


def test_command_takes_both_from_a_folder(published, tmp_path):
    for name, content in published.files.items():
        (tmp_path / name).write_bytes(content)
    assert run("ppocrv6-medium", "--from", tmp_path).exit_code == 0
    assert all(are_weights_present(entry) for entry in find_all_by_name("ppocrv6-medium"))
    assert published.seen == []


def test_command_refuses_a_file_of_other_bytes(published, tmp_path):
    (tmp_path / "file.onnx").write_bytes(SMALL)
    result = run("ppocrv6-medium", "--from", tmp_path / "file.onnx")
    assert result.exit_code == 1
    assert "was received with SHA-256" in result.stderr
    assert not any(are_weights_present(entry) for entry in find_all_by_name("ppocrv6-medium"))


def test_network_in_a_package_is_not_downloaded(published):
    result = run("ppocrv4-mobile")
    if result.exit_code:
        advice = "pip install --no-deps rapidocr-onnxruntime==1.4.4"
        assert (result.exit_code, advice in result.stderr) == (2, True)
    assert published.seen == []
