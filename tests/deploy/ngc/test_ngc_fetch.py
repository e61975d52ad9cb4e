import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from ngc_stand_in import CHARACTERS, DETECTOR, KEY, SMALL

from ocdrnet_deploy.catalog.catalog import find_by_name
from ocdrnet_deploy.errors import (
    ChecksumError,
    DownloadError,
    EulaError,
    FileChoiceError,
    NetworkCacheError,
    NgcAccessError,
    NgcNotFoundError,
    NgcUnavailableError,
    WeightsError,
)
from ocdrnet_deploy.networks.weights import are_weights_present, character_list, find_weights
from ocdrnet_deploy.ngc import receive
from ocdrnet_deploy.ngc.fetch import DownloadWatcher

FLIPPED = SMALL[:-1] + bytes([SMALL[-1] ^ 1])
NAME = "ocdnet-v1.0-resnet18"


def test_file_arrives_by_redirect_and_its_checksum_is_recorded(ngc, download, cache):
    path = download()
    assert path == cache / "networks/nvidia/tao/ocdnet/deployable_v1.0/dcn_resnet18.onnx"
    assert path.read_bytes() == SMALL
    digest = hashlib.sha256(SMALL).hexdigest()
    assert path.with_name("dcn_resnet18.onnx.sha256").read_text() == f"{digest}  dcn_resnet18.onnx\n"
    assert not list(path.parent.glob(".*.part*"))
    assert find_weights(find_by_name(NAME)) == path
    assert ngc.requests("api") == [
        "/v2/models/org/nvidia/team/tao/ocdnet/deployable_v1.0/files?redirect=true&path=dcn_resnet18.onnx"
    ]


def test_key_goes_to_the_api_alone(ngc, download):
    download()
    assert [headers.get("Authorization") for server, _, headers in ngc.seen if server == "api"] == [f"Bearer {KEY}"]
    storage = [headers for server, _, headers in ngc.seen if server == "storage"]
    assert len(storage) == 1
    assert KEY not in str(storage)


def test_present_file_is_not_asked_for_again(ngc, download):
    assert download() == download()
    assert len(ngc.seen) == 2


def test_two_networks_share_a_versions_folder(ngc, download):
    ngc.files[DETECTOR.replace("18", "50")] = SMALL + b"50"
    assert download().parent == download("ocdnet-v1.0-resnet50").parent
    assert find_weights(find_by_name("ocdnet-v1.0-resnet50")).read_bytes().endswith(b"50")


def test_body_without_redirect(ngc, download):
    ngc.redirects = False
    assert download().read_bytes() == SMALL


@pytest.mark.parametrize("half", [100_000, 1])
def test_truncated_body_is_gone_on_with(ngc, download, half):
    ngc.truncate = [half]
    assert download().read_bytes() == SMALL
    assert ngc.sent == len(SMALL)
    last = ngc.seen[-1][2]
    assert (last["Range"], last["If-Range"]) == (f"bytes={half}-", '"first"')


@pytest.mark.parametrize("how", [{"ranges": False}, {"etag": ""}, {"etag": 'W/"weak"'}])
def test_server_that_cannot_go_on_is_asked_for_all(ngc, download, how):
    vars(ngc).update(how)
    ngc.truncate = [100_000]
    assert download().read_bytes() == SMALL
    assert ngc.sent == 100_000 + len(SMALL)


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_file_that_changed_meanwhile_is_fetched_anew(ngc, download, heeds_if_range):
    ngc.heeds_if_range = heeds_if_range
    ngc.truncate = [100_000, 0, 0, 0, 0]
    with pytest.raises(NgcUnavailableError, match="what was received is kept"):
        download()
    ngc.files[DETECTOR], ngc.etag, ngc.truncate = b"\x08" + SMALL, '"second"', []
    assert download().read_bytes() == b"\x08" + SMALL


def test_whole_file_that_was_not_placed_is_not_fetched_again(ngc, download, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ocdrnet_deploy.ngc.fetch.place_checked", killed)
        with pytest.raises(KeyboardInterrupt):
            download()
    assert download().read_bytes() == SMALL
    assert ngc.sent == len(SMALL)


@pytest.mark.parametrize("location", ["", "ftp://127.0.0.1/file", "https://[file"])
def test_redirect_to_nowhere_is_refused(ngc, download, location):
    ngc.location = location
    with pytest.raises(DownloadError, match="redirects to nowhere"):
        download()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("server", ["api", "storage"])
def test_passing_failures_are_tried_again(ngc, download, server, status):
    getattr(ngc, f"{server}_failures").extend([status, status])
    assert download().read_bytes() == SMALL


def test_expired_location_is_asked_for_anew(ngc, download):
    ngc.storage_failures = [403]
    assert download().read_bytes() == SMALL
    assert len(ngc.requests("api")) == 2


def test_retry_after_is_heeded(ngc, download):
    waits = []

    class Watcher(DownloadWatcher):
        def waiting(self, reason, seconds):
            waits.append((reason, seconds))

    ngc.api_failures, ngc.retry_after = [429], "0"
    download(watcher=Watcher())
    assert waits == [("the server answered 429", 0.0)]


def test_failure_that_stays_is_given_up(ngc, download):
    ngc.api_failures = [500] * 4
    with pytest.raises(NgcUnavailableError, match="answered 500, 4 times in a row"):
        download()
    assert len(ngc.seen) == 4


@pytest.mark.parametrize(("key", "words"), [("wrong", "401"), ("no-access", "403.*accept its terms")])
def test_refused_key_says_what_to_do_and_is_not_tried_again(ngc, download, key, words):
    with pytest.raises(NgcAccessError, match=f"NGC_API_KEY.*{words}") as caught:
        download(key=key)
    assert f"{key} " not in str(caught.value)
    assert len(ngc.seen) == 1


def test_missing_file_lists_what_there_is(ngc, download):
    ngc.files = {DETECTOR + ".old": SMALL}
    with pytest.raises(NgcNotFoundError, match=r"no file dcn_resnet18.onnx in .*; it has dcn_resnet18.onnx.old"):
        download()


def test_missing_version_lists_what_there_is(ngc, download):
    ngc.files = {DETECTOR.replace("v1.0", "v9"): SMALL, DETECTOR.replace("v1.0", "v8"): SMALL}
    with pytest.raises(NgcNotFoundError, match=r"versions there are deployable_v8, deployable_v9"):
        download()


def test_missing_model_is_said(ngc, download):
    ngc.files = {}
    with pytest.raises(NgcNotFoundError, match="or does not show it to this key"):
        download()


def test_flipped_byte_is_refused_once_the_hash_is_known(ngc, download):
    path = download()
    path.unlink()
    ngc.files[DETECTOR] = FLIPPED
    with pytest.raises(ChecksumError, match=hashlib.sha256(FLIPPED).hexdigest()):
        download()
    assert [file.name for file in path.parent.glob("*dcn*") if "onnx" in file.suffix] == []
    ngc.files[DETECTOR] = SMALL
    assert download().read_bytes() == SMALL


def test_byte_flipped_in_the_cache_is_refused(ngc, download):
    download().write_bytes(FLIPPED)
    with pytest.raises(WeightsError, match=f"remove it, then ocdrnet models download {NAME}"):
        find_weights(find_by_name(NAME))


def test_page_instead_of_a_network_is_refused(ngc, download, cache):
    ngc.files[DETECTOR] = b"<html>Please log in</html>"
    with pytest.raises(ChecksumError, match="no ONNX file"):
        download()
    assert not are_weights_present(find_by_name(NAME))


def test_licence_must_be_accepted_once_and_is_recorded(ngc, download, cache):
    with pytest.raises(EulaError, match=r"--accept-eula or set OCDRNET_ACCEPT_NVIDIA_EULA=1") as caught:
        download(accepted_by="")
    assert "https://catalog.ngc.nvidia.com/orgs/nvidia/teams/tao/models/ocdnet" in str(caught.value)
    assert ngc.seen == []
    record = download().with_name("accepted-license.json")
    facts = json.loads(record.read_text())
    assert (facts["license"], facts["version"]) == ("NVIDIA model EULA", "deployable_v1.0")
    assert facts["accepted_by"] == "--accept-eula"
    assert facts["accepted_at"].endswith("+00:00")
    assert download(accepted_by="")


def test_version_without_a_name_in_the_catalog_takes_its_one_network(ngc, download):
    version = "nvidia/tao/ocdnet:deployable_v2.1"
    ngc.files = {f"{version}/a.onnx": SMALL, f"{version}/cal.bin": b"1", f"{version}/readme.txt": b"2"}
    ngc.page_size = 2
    assert download("ocdnet-v2.1").name == "a.onnx"
    assert find_weights(find_by_name("ocdnet-v2.1")).name == "a.onnx"
    ngc.files[f"{version}/b.onnx"] = SMALL
    assert download("ocdnet-v2.1").name == "a.onnx"


def test_version_with_several_networks_wants_a_choice(ngc, download):
    version = "nvidia/tao/ocdnet:deployable_v2.2"
    ngc.files = {f"{version}/a.onnx": SMALL, f"{version}/b.onnx": SMALL}
    with pytest.raises(FileChoiceError, match=r"2 ONNX files; choose one with --file NAME. It holds a.onnx, b.onnx"):
        download("ocdnet-v2.2")
    assert download("ocdnet-v2.2", file="b.onnx").name == "b.onnx"
    assert find_weights(find_by_name("ocdnet-v2.2")).name == "b.onnx"


def test_another_file_than_the_catalogs_is_used_once_chosen(ngc, download):
    ngc.files[DETECTOR.replace("dcn_resnet18", "renamed")] = SMALL + b"new"
    ngc.files[DETECTOR.replace("18", "50")] = SMALL
    assert download(file="renamed.onnx").name == "renamed.onnx"
    assert find_weights(find_by_name(NAME)).name == "renamed.onnx"
    assert download().name == "renamed.onnx"
    assert download("ocdnet-v1.0-resnet50").name == "dcn_resnet50.onnx", "of the same version"
    download(file="dcn_resnet18.onnx")
    assert find_weights(find_by_name(NAME)).name == "dcn_resnet18.onnx"


def test_listed_names_that_would_write_to_the_terminal_are_refused(ngc, download):
    ngc.files = {"nvidia/tao/ocdnet:deployable_v2.1/\x1b[2Ja.onnx": SMALL}
    with pytest.raises(DownloadError, match="names that cannot be shown") as caught:
        download("ocdnet-v2.1")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["../../x.onnx", "/etc/x.onnx", "a\0.onnx", "a\n.onnx"])
def test_file_name_cannot_lead_out_of_the_cache(download, cache, name):
    with pytest.raises(DownloadError, match="is no name of a file"):
        download(file=name)
    assert not list(cache.rglob("*.onnx"))


def test_character_list_comes_along_and_wins(ngc, download):
    ngc.files = {CHARACTERS: "a\r\n \r\né\r\n".encode(), CHARACTERS.replace("character_list", "ocrnet-vit.onnx"): SMALL}
    entry = find_by_name("ocrnet-v2.0.1")
    assert character_list(entry) is None
    path = download("ocrnet-v2.0.1")
    assert path.with_name("character_list").is_file()
    assert character_list(entry) == ("a", " ", "é")


def test_version_without_a_character_list(ngc, download):
    ngc.files = {CHARACTERS.replace("character_list", "ocrnet-vit.onnx"): SMALL}
    assert download("ocrnet-v2.0.1").is_file()
    assert character_list(find_by_name("ocrnet-v2.0.1")) is None


@pytest.mark.parametrize("content", [b"a\nbc\n", b"a\n\nbc", b"a \nb\nc\r\n"])
def test_character_list_is_read_as_tao_reads_it(ngc, download, content):
    ngc.files = {CHARACTERS: content, CHARACTERS.replace("character_list", "ocrnet-vit.onnx"): SMALL}
    download("ocrnet-v2.0.1")
    assert character_list(find_by_name("ocrnet-v2.0.1"), 3) == ("a", "b", "c")


@pytest.mark.parametrize(("content", "words"), [(b"a\nbc\n", "3 characters, the network 4|line 2"), (b"\xff", "UTF-8")])
def test_character_list_that_is_none_is_refused(ngc, download, content, words):
    ngc.files = {CHARACTERS: content, CHARACTERS.replace("character_list", "ocrnet-vit.onnx"): SMALL}
    download("ocrnet-v2.0.1")
    with pytest.raises(WeightsError, match=words):
        character_list(find_by_name("ocrnet-v2.0.1"), 4)


def test_two_at_once_fetch_once(ngc, download):
    ngc.dribble = 20_000
    waited = []

    class Watcher(DownloadWatcher):
        def waiting_for_another(self, name):
            waited.append(name)

    with ThreadPoolExecutor(2) as pool:
        paths = set(pool.map(lambda _: download(watcher=Watcher()), range(2)))
    assert len(paths) == 1
    assert waited == ["dcn_resnet18.onnx"]
    assert ngc.sent == len(SMALL)


def test_full_disk_is_said_before_the_download(ngc, download, monkeypatch):
    monkeypatch.setattr(receive.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 100_000}))
    with pytest.raises(NetworkCacheError, match=r"0.2 MB are to come, 0.1 MB are free.*OCDRNET_CACHE"):
        download()


def test_cache_that_cannot_be_written(download, cache):
    cache.write_text("in the way")
    with pytest.raises(NetworkCacheError, match="cannot be written"):
        download()


def test_nobody_listens(ngc, download):
    ngc.url = "http://127.0.0.1:9"
    with pytest.raises(NgcUnavailableError, match=r"the connection failed \(NewConnectionError\), 4 times"):
        download()


@pytest.mark.parametrize("url", ["http://ngc.example", "ftp://127.0.0.1", "api.ngc.nvidia.com", "https://[ngc"])
def test_key_is_not_sent_in_the_clear(ngc, download, url):
    ngc.url = url
    with pytest.raises(DownloadError, match="must begin with https"):
        download()
