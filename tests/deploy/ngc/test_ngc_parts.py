"""The parts of a download that need no server."""

import shutil
import ssl
import subprocess
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from threading import Thread

import pytest
import urllib3

from ocdrnet_deploy.catalog.catalog import find_by_name
from ocdrnet_deploy.errors import DownloadError, EulaError, NgcKeyError, NgcUnavailableError
from ocdrnet_deploy.files import file_lock, record_sha256, recorded_sha256, sha256_of
from ocdrnet_deploy.ngc import connection
from ocdrnet_deploy.ngc.api import NgcKey, check_answer, read_key
from ocdrnet_deploy.ngc.cache import acceptance, require_acceptance
from ocdrnet_deploy.ngc.connection import RetryPolicy, TransientError, get, pool_for, retry


def test_key_shows_in_no_repr():
    key = NgcKey("secret-1234", "NGC_API_KEY")
    assert "secret" not in f"{key!r} {key} {[key]} {vars(type(key))}"
    assert key.authorization() == "Bearer secret-1234"


def test_key_of_the_file_then_of_the_variables_in_order(tmp_path):
    (tmp_path / "key").write_text(" from-file \n")
    both = {"NGC_API_KEY": "first\n", "NGC_CLI_API_KEY": "second"}
    assert read_key(tmp_path / "key", both).authorization() == "Bearer from-file"
    assert read_key(None, both).authorization() == "Bearer first"
    assert read_key(None, {"NGC_API_KEY": "", "NGC_CLI_API_KEY": "second"}).authorization() == "Bearer second"


def test_no_key_says_how_to_get_one():
    with pytest.raises(NgcKeyError, match=r"NGC_API_KEY or give --key-file FILE; make one at https"):
        read_key(None, {})


@pytest.mark.parametrize(
    ("content", "words"), [(b" \n", "is empty"), (b"\xff\xfe", "no text"), (None, "cannot be read")]
)
def test_key_file_that_holds_none(tmp_path, content, words):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(NgcKeyError, match=words):
        read_key(tmp_path / "key", {})


@pytest.mark.parametrize(("value", "accepted"), [("1", True), ("true", True), ("YES", True), ("0", False), ("", False)])
def test_licence_is_accepted_in_so_many_words(cache, value, accepted):
    environment = {"OCDRNET_ACCEPT_NVIDIA_EULA": value}
    assert bool(acceptance(flag=False, environment=environment)) is accepted
    assert acceptance(flag=True, environment=environment) == "--accept-eula"
    entry = find_by_name("ocrnet-v1.0")
    if not accepted:
        with pytest.raises(EulaError, match="models/ocrnet"):
            require_acceptance(entry, entry.source, acceptance(flag=False, environment=environment))
        assert not cache.exists()


def test_waits_double_and_end_and_jitter():
    policy = RetryPolicy(first_s=1, longest_s=5)
    for failures, longest in [(1, 1), (2, 2), (3, 4), (4, 5), (10, 5)]:
        waits = [policy.wait_s(failures, None) for _ in range(50)]
        assert longest / 2 <= min(waits) < max(waits) <= longest
    assert policy.wait_s(9, 0.25) == 0.25
    assert policy.wait_s(1, 1e6) == policy.longest_asked_s
    assert policy.wait_s(1, -5) == 0


def test_progress_starts_the_count_of_failures_anew():
    """Every attempt brings a byte until the tenth; three failures in a row would end it."""
    received = []

    def attempt():
        if len(received) < 10:
            received.append(1)
        raise TransientError("broke")

    with pytest.raises(NgcUnavailableError, match="broke, 3 times in a row"):
        retry(RetryPolicy(3, 0), attempt, on_wait=lambda *_: None, received=lambda: len(received))
    assert len(received) == 10


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        (timedelta(hours=1), 3590, 3600),
        ("soon", None, None),
        ("²", None, None),
        (None, None, None),
    ],
    ids=["seconds", "date", "a word", "no digit", "nothing"],
)
def test_retry_after_as_number_and_date(header, low, high):
    if isinstance(header, timedelta):
        header = format_datetime(datetime.now(timezone.utc) + header, usegmt=True)
    headers = {} if header is None else {"Retry-After": header}
    answer = urllib3.HTTPResponse(status=503, headers=headers)
    with pytest.raises(TransientError) as caught:
        check_answer(answer, NgcKey("k", "here"), at_ngc=True)
    asked = caught.value.retry_after_s
    assert asked is None if low is None else low <= asked <= high


def test_record_is_what_sha256sum_reads(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    record_sha256(path, sha256_of(path))
    assert recorded_sha256(path) == sha256_of(path)
    if tool := shutil.which("sha256sum"):
        subprocess.run([tool, "--check", "model.onnx.sha256"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("text", ["", "no checksum", "0" * 63 + "  model.onnx"])
def test_broken_record_is_none(tmp_path, text):
    (tmp_path / "model.onnx.sha256").write_text(text)
    assert recorded_sha256(tmp_path / "model.onnx") == ""


def test_second_holder_waits_and_is_told(tmp_path):
    order = []

    def second():
        with file_lock(tmp_path / "a" / "lock", lambda: order.append("waits")):
            order.append("second")

    with file_lock(tmp_path / "a" / "lock"):
        thread = Thread(target=second)
        thread.start()
        while "waits" not in order:
            pass
        order.append("first ends")
    thread.join()
    assert order == ["waits", "first ends", "second"]


def test_proxy_of_the_environment(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://user:word@proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    proxied = pool_for("https://api.ngc.nvidia.com/v2")
    assert (proxied.proxy.host, proxied.proxy.port) == ("proxy.example", 3128)
    assert "proxy-authorization" in proxied.proxy_headers
    assert pool_for("https://inside.example/x").proxy is None


@pytest.mark.parametrize("proxy", ["proxy.example:3128", "http://proxy.example:3128"])
def test_proxy_without_a_scheme(monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy)
    proxied = pool_for("https://api.ngc.nvidia.com/v2")
    assert (proxied.proxy.scheme, proxied.proxy.host, proxied.proxy.port) == ("http", "proxy.example", 3128)
    assert "proxy-authorization" not in proxied.proxy_headers


def test_proxys_password_is_sent_as_it_is(monkeypatch):
    """In a URL, characters such as @ are escaped."""
    monkeypatch.setenv("https_proxy", "http://user:p%40ss@proxy.example:3128")
    headers = pool_for("https://api.ngc.nvidia.com/v2").proxy_headers
    assert headers == urllib3.make_headers(proxy_basic_auth="user:p@ss")


def test_this_machine_is_asked_without_a_proxy(monkeypatch):
    """It may be asked in plain HTTP, in which a proxy would see the key."""
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy")
    assert pool_for("http://127.0.0.1:8080/v2").proxy is None


@pytest.mark.parametrize(
    ("cause", "error"),
    [(ssl.SSLCertVerificationError("self-signed"), DownloadError), (ssl.SSLEOFError("broke"), TransientError)],
)
def test_connection_that_breaks_is_not_taken_for_distrust(monkeypatch, cause, error):
    class Pool:
        def request(self, *_, **__):
            raise urllib3.exceptions.SSLError(cause)

    monkeypatch.setattr(connection, "pool_for", lambda _: Pool())
    with pytest.raises(error, match="not trusted" if error is DownloadError else "the connection failed"):
        get("https://ngc.example", {})
