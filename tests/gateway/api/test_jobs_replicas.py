"""Jobs of two gateways on one store, in a folder and in S3: any answers, and what a dead one leaves, another ends."""

import hashlib
import hmac
import io
import json
import math
import signal
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pikepdf
import pytest
from drawn_documents import page_workers, pdf, scan
from gateway_reader import StandInReader
from hosted_flow import is_problem
from job_calls import PATIENT, ended, result, state, submit, until
from slow_gateway import LEASE_S, other_process

SCANS = pdf(scan, scan, scan)
OCR = "?text_layer=ocr&dpi=72"


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr("ocdrnet_gateway.core.documents._DRAWING_S", PATIENT)


def begun(http, url, job):
    until(lambda: state(http, url, job)["status"] == "running")


def test_any_gateway_answers_and_ends_a_job(start_gateway, http, shared):
    slow, fast = StandInReader(), StandInReader()
    slow.seconds = 600
    one, two = start_gateway(reader=slow, **shared).url, start_gateway(reader=fast, **shared).url
    job = submit(http, one, SCANS, OCR)
    until(lambda: slow.running == 3)
    assert state(http, two, job)["status"] in ("waiting", "running")
    assert is_problem(result(http, two, job), 409)
    begin = time.monotonic()
    assert http.delete(f"{two}/v1/jobs/{job}").status_code == 204
    until(lambda: slow.running == 0)
    assert time.monotonic() - begin < 2
    until(lambda: not page_workers())
    for url in (one, two):
        until(lambda url=url: http.get(f"{url}/v1/jobs/{job}").status_code == 404)
    other = submit(http, two, SCANS, OCR)
    ended(http, two, other)
    assert result(http, one, other).json()["pages_read"] == 3
    assert fast.finished == 3


@pytest.mark.full
def test_a_job_that_waits_for_its_turn_learns_that_another_gateway_deleted_it(start_gateway, http, shared):
    slow = StandInReader()
    slow.seconds = 600
    one, two = start_gateway(reader=slow, **shared).url, start_gateway(**shared).url
    first, waiting = submit(http, one, SCANS, OCR), submit(http, one, SCANS, OCR)
    until(lambda: slow.running == 3)
    assert state(http, one, waiting)["status"] == "waiting"
    assert http.delete(f"{two}/v1/jobs/{waiting}").status_code == 204
    until(lambda: http.get(f"{one}/v1/jobs/{waiting}").status_code == 404, 30)
    assert state(http, one, first)["status"] == "running"


def test_a_killed_gateways_job_is_taken_over(start_gateway, http, shared):
    with other_process(shared, 600) as (url, process):
        running, waiting = submit(http, url, SCANS, OCR), submit(http, url, SCANS, OCR)
        begun(http, url, running)
        process.send_signal(signal.SIGKILL)
        process.wait()
        other = start_gateway(**shared).url
        over = ended(http, other, running)
        assert (over["status"], over["attempts"], over["pages_done"], over["pages_failed"]) == ("done", 2, 3, 0)
        assert result(http, other, running).json()["pages_read"] == 3
        assert ended(http, other, waiting)["attempts"] == 1


@pytest.mark.full
def test_a_gateway_that_comes_back_leaves_what_another_has_done(start_gateway, http, shared):
    slow = StandInReader()
    slow.seconds = 600
    one = start_gateway(reader=slow, **shared)
    job = submit(http, one.url, SCANS, OCR)
    until(lambda: slow.running == 3)
    # As if it stood still: it gives no sign of life any more.
    one._server.config.app.state.services.heartbeat._given_at = math.inf
    two = start_gateway(reader=StandInReader(), **shared).url
    assert ended(http, two, job)["attempts"] == 2
    until(lambda: slow.running == 0)
    until(lambda: state(http, one.url, job)["status"] == "done")
    for url in (one.url, two):
        assert result(http, url, job).json()["pages_read"] == 3


@pytest.mark.full
def test_a_killed_gateways_job_with_a_password_says_what_is_lost(start_gateway, http, tmp_path):
    shared = {"secret": "a secret of both", "job_lease_s": LEASE_S, "store": str(tmp_path / "shared")}
    closed = io.BytesIO()
    with pikepdf.open(io.BytesIO(SCANS)) as plain:
        plain.save(closed, encryption=pikepdf.Encryption(owner="own", user="sesame"))
    with other_process(shared, 600) as (url, process):
        job = submit(http, url, closed.getvalue(), OCR, ocdrnet_password="sesame")
        begun(http, url, job)
        process.send_signal(signal.SIGKILL)
        process.wait()
        other = start_gateway(**shared).url
        over = ended(http, other, job)
        assert over["error"]["status"] == 503
        assert "its document's password is kept nowhere else; send it again" in over["error"]["detail"]


@pytest.mark.full
def test_a_job_that_ends_gateways_fails(start_gateway, http, tmp_path):
    shared = {"job_lease_s": LEASE_S, "store": str(tmp_path / "shared")}
    slow = StandInReader()
    slow.seconds = 600
    server = start_gateway(reader=slow, **shared)
    job = submit(http, server.url, SCANS, OCR)
    begun(http, server.url, job)
    server.stop()
    # As its third gateway would have left it, had that been killed.
    (path,) = (tmp_path / "shared" / "progress").rglob("*.bin")
    path.write_bytes(json.dumps({**json.loads(path.read_bytes()), "attempts": 3}).encode())
    fast = StandInReader()
    over = ended(http, (url := start_gateway(reader=fast, **shared).url), job)
    assert over["error"]["status"] == 502
    assert "3 gateways ended" in over["error"]["detail"]
    assert is_problem(result(http, url, job), 502)
    assert fast.calls == []


def test_a_stopped_gateways_job_goes_on_elsewhere(start_gateway, http, tmp_path):
    shared = {"job_lease_s": LEASE_S, "store": str(tmp_path / "shared")}
    slow = StandInReader()
    slow.seconds = 600
    server = start_gateway(reader=slow, **shared)
    job = submit(http, server.url, SCANS, OCR)
    until(lambda: slow.running == 3)
    begin = time.monotonic()
    server.stop()
    assert time.monotonic() - begin < 30, "a stop waits for no job"
    assert (slow.running, slow.cancelled) == (0, 3)
    over = ended(http, start_gateway(**shared).url, job)
    assert (over["status"], over["attempts"]) == ("done", 1)


def test_an_unreadable_record_stops_no_other_job(start_gateway, http, tmp_path):
    shared = {"job_lease_s": LEASE_S, "store": str(tmp_path / "shared")}
    slow = StandInReader()
    slow.seconds = 600
    server = start_gateway(reader=slow, **shared)
    job = submit(http, server.url, SCANS, OCR)
    begun(http, server.url, job)
    server.stop()
    (path,) = (tmp_path / "shared" / "progress").rglob("*.bin")
    bad = path.with_name(f"{uuid.uuid4()}.bin")
    bad.write_bytes(b"{}")
    bad.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
    assert ended(http, start_gateway(**shared).url, job)["status"] == "done"


def test_a_document_that_a_dead_gateway_could_not_delete_is_deleted(start_gateway, http, tmp_path):
    shared = {"job_lease_s": 1, "store": str(tmp_path / "shared")}
    server = start_gateway(**shared)
    submitted = submit(http, server.url, SCANS, "?dpi=72")
    ended(http, server.url, submitted)
    server.stop()
    (record,) = (tmp_path / "shared" / "progress").rglob("*.bin")
    folder = tmp_path / "shared" / "document" / record.parent.name
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in (".json", ".bin"):
        (folder / record.name).with_suffix(suffix).write_bytes(record.with_suffix(suffix).read_bytes())
    url = start_gateway(**shared).url
    until(lambda: not list(folder.glob("*.*")))
    assert result(http, url, submitted).json()["pages_read"] == 3


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        server.calls.append((self.path, self.rfile.read(int(self.headers["content-length"])), dict(self.headers)))
        self.send_response(server.statuses.pop(0) if server.statuses else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.calls, server.statuses = [], []
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr("ocdrnet_gateway.core.job_run.PAUSES_S", (0.0, 0.1, 0.1))


def told(http, url, job):
    until(lambda: state(http, url, job)["webhook"]["status"] in ("delivered", "failed"))
    return state(http, url, job)["webhook"]


def test_a_webhook_is_signed_and_sent_again_until_it_is_taken(start_gateway, http, hook, no_pauses):
    hook.statuses = [500, 302]
    host = f"127.0.0.1:{hook.server_port}"
    url = start_gateway(allowed_hosts=host, webhook_secret="only for webhooks").url
    job = submit(http, url, SCANS, f"{OCR}&webhook=http://{host}/done%3Fa=b")
    assert told(http, url, job) == {"status": "delivered", "attempts": 3, "answer": "status 204"}
    assert len(hook.calls) == 3
    path, body, headers = hook.calls[-1]
    said = json.loads(body)
    assert (path, said["id"], said["status"], said["pages_done"]) == ("/done?a=b", job, "done", 3)
    signed = headers["ocdrnet-timestamp"].encode() + b"." + body
    digest = hmac.new(b"only for webhooks", signed, hashlib.sha256).hexdigest()
    assert headers["ocdrnet-signature"] == f"sha256={digest}"
    assert abs(int(headers["ocdrnet-timestamp"]) - time.time()) < 60


def test_a_webhook_that_is_never_taken_ends(start_gateway, http, hook, no_pauses):
    hook.statuses = [500] * 9
    host = f"127.0.0.1:{hook.server_port}"
    url = start_gateway(allowed_hosts=host).url
    job = submit(http, url, b"%PDF-1.7 nothing", f"?webhook=http://{host}/")
    assert told(http, url, job) == {"status": "failed", "attempts": 3, "answer": "status 500"}
    assert json.loads(hook.calls[0][1])["error"]["status"] == 422
    refused = http.post(f"{url}/v1/jobs?webhook=http://127.0.0.1:1/", content=SCANS)
    assert is_problem(refused, 422, "not among the hosts")


@pytest.mark.full
def test_a_webhook_that_a_killed_gateway_owed_is_sent(start_gateway, http, hook, tmp_path):
    hook.statuses = [500]
    host = f"127.0.0.1:{hook.server_port}"
    shared = {"job_lease_s": LEASE_S, "store": str(tmp_path / "shared"), "allowed_hosts": host}
    with other_process({**shared, "secret": "a secret of both"}, 0) as (url, process):
        job = submit(http, url, SCANS, f"{OCR}&webhook=http://{host}/")
        until(lambda: state(http, url, job)["webhook"]["attempts"] == 1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    other = start_gateway(**shared).url
    assert told(http, other, job)["status"] == "delivered"
    assert len(hook.calls) == 2
