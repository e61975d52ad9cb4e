"""`/v1/jobs` at one gateway: progress, results, cancelling, limits, owners."""

import asyncio
import io
import json
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pikepdf
import pypdfium2
import pytest
from drawn_documents import LINES, letter, page_workers, pdf, scan, scanned, tiff
from gateway_reader import PAGE
from hosted_flow import bearer, is_problem, make_key
from job_calls import PATIENT, ended, result, state, submit, until

from ocdrnet_client.documents.opened import OpenDocument
from ocdrnet_client.errors import RequestTimeoutError
from ocdrnet_gateway.core.documents import DRAWING_BYTES
from ocdrnet_gateway.core.job_record import delete_job
from ocdrnet_gateway.http_errors import ReaderFailedError, StoreFullError, UnavailableError
from ocdrnet_gateway.store import space_of
from ocdrnet_gateway.store.opening import open_backend

MIB = 1 << 20
SCANS = pdf(scan, letter, scan)
OCR = "?text_layer=ocr&dpi=72"


@pytest.fixture(autouse=True)
def no_process_is_left(monkeypatch):
    monkeypatch.setattr("ocdrnet_gateway.core.documents._DRAWING_S", PATIENT)
    yield
    until(lambda: not page_workers())


@pytest.fixture
def gate(reader):
    """The reader's second page waits until this is set."""
    go_on = threading.Event()

    async def respond(call):
        if len(reader.calls) > 1:
            await asyncio.to_thread(go_on.wait, 30)
        return PAGE

    reader.respond = respond
    yield go_on
    go_on.set()


def kinds(server):
    """What the store holds, by kind."""
    names = [stored.name for stored in open_backend(server._server.config.app.state.services.settings).listing("")]
    return sorted({name.partition("/")[0] for name in names} - {"beat"})


def test_a_document_is_read_and_its_result_is_that_of_read(gateway, http, reader):
    job = submit(http, gateway, SCANS, "?dpi=72&min_text_score=0.5")
    over = ended(http, gateway, job)
    assert (over["status"], over["page_count"], over["pages"], over["pages_done"]) == ("done", 3, 3, 3)
    assert (over["pages_failed"], over["attempts"]) == (0, 1)
    assert over["created"] <= over["started"] <= over["ended"]
    read = http.post(f"{gateway}/v1/read?dpi=72&min_text_score=0.5", content=SCANS).json()
    got = result(http, gateway, job).json()
    for answer in (read, got):
        for each in (answer, *answer["pages"]):
            assert each.pop("seconds") >= 0
    assert got == read
    assert (over["lines"], over["words"]) == (read["lines"], read["words"])
    assert {call.options["min_text_score"] for call in reader.calls} == {0.5}


def test_progress_is_told_page_by_page(gateway, http, gate):
    job = submit(http, gateway, pdf(*[scan] * 9), OCR)
    until(lambda: state(http, gateway, job)["pages_done"] == 1)
    now = state(http, gateway, job)
    assert (now["status"], now["page_count"], now["pages"]) == ("running", 9, 9)
    early = result(http, gateway, job)
    assert is_problem(early, 409, "1 of 9 pages are done")
    assert early.headers["retry-after"] == "1"
    gate.set()
    assert ended(http, gateway, job)["pages_done"] == 9


FORMATS = {
    "text": ("text/plain; charset=utf-8", "\f"),
    "markdown": ("text/markdown; charset=utf-8", LINES[0]),
    "tsv": ("text/tab-separated-values; charset=utf-8", "level\tpage_num"),
    "hocr": ("application/xhtml+xml", "ocrx_word"),
    "alto": ("application/xml", "<alto"),
    "jsonl": ("application/x-ndjson", '"page": 3'),
    "json": ("application/json", '"page_count": 3'),
}


def test_a_result_comes_in_every_format(gateway, http):
    job = submit(http, gateway, SCANS, "?output=hocr&dpi=72")
    ended(http, gateway, job)
    assert result(http, gateway, job).headers["content-type"] == "application/xhtml+xml"
    for name, (media_type, sign) in FORMATS.items():
        answer = result(http, gateway, job, name)
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
        assert sign in answer.text
    assert is_problem(result(http, gateway, job, "docx"), 422, "output is 'docx'")


def test_a_searchable_pdf_is_made_where_it_is_asked_for(gateway, http):
    job = submit(http, gateway, SCANS, "?output=pdf&dpi=72")
    assert ended(http, gateway, job)["output"] == "pdf"
    answer = result(http, gateway, job)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    words = [page.get_textpage().get_text_bounded().split() for page in pypdfium2.PdfDocument(answer.content)]
    assert {"Grüße", "你好", "tilted"} <= set(words[0])
    assert result(http, gateway, job, "text").text.count("\f") == 2
    plain = submit(http, gateway, SCANS, "?dpi=72")
    ended(http, gateway, plain)
    assert is_problem(result(http, gateway, plain, "pdf"), 422, "send the document with output=pdf")


def test_images_and_tiffs_are_jobs_too(gateway, http, picture):
    fax = tiff(scanned(size=(40, 20)), scanned(size=(50, 20)), scanned(size=(60, 20)))
    job = submit(http, gateway, fax, "?pages=2-")
    assert [page["page"] for page in (ended(http, gateway, job), result(http, gateway, job).json())[1]["pages"]] == [
        2,
        3,
    ]
    image = submit(http, gateway, picture, "?output=pdf")
    assert ended(http, gateway, image)["pages_done"] == 1
    assert result(http, gateway, image).content.startswith(b"%PDF-")
    (page,) = result(http, gateway, image, "json").json()["pages"]
    assert (page["width"], page["height"], page["lines"]) == (64, 48, PAGE.to_dict()["lines"])


def test_a_pdf_for_which_there_can_never_be_memory_fails(start_gateway, http, picture):
    url = start_gateway(memory_bytes=2 * (DRAWING_BYTES + 500_000)).url
    over = ended(http, url, submit(http, url, picture + b"x" * 400_000, "?output=pdf"))
    assert (over["status"], over["error"]["status"]) == ("failed", 413)
    assert "all requests together may take" in over["error"]["detail"]


def test_a_page_that_fails_is_told_and_the_others_are_there(gateway, http, reader):
    async def respond(call):
        if call.image == reader.calls[0].image:
            raise ReaderFailedError("the server failed on this request")
        return PAGE

    reader.respond = respond
    job = submit(http, gateway, pdf(letter, scan, scan), OCR)
    over = ended(http, gateway, job)
    assert (over["status"], over["pages_done"], over["pages_failed"]) == ("done", 3, 1)
    body = result(http, gateway, job).json()
    assert body["pages"][0]["error"] == "the server failed on this request"
    assert body["pages_read"] == 2


def test_a_page_is_read_again_that_triton_failed_on(gateway, http, reader):
    async def respond(call):
        if len(reader.calls) <= 2:
            raise ReaderFailedError("the server failed on this request")
        return PAGE

    reader.respond = respond
    job = submit(http, gateway, pdf(scan), OCR)
    assert ended(http, gateway, job)["pages_failed"] == 0
    assert len(reader.calls) == 3


def test_a_triton_that_comes_back_costs_no_page(gateway, http, reader):
    async def respond(call):
        if len(reader.calls) < 4:
            raise UnavailableError("away")
        return PAGE

    reader.respond = respond
    job = submit(http, gateway, SCANS, OCR)
    assert ended(http, gateway, job)["pages_failed"] == 0


def test_a_triton_that_stays_away_fails_the_job(gateway, http, reader, monkeypatch):
    async def respond(call):
        raise UnavailableError("the server that reads images is away", 2)

    reader.respond = respond
    monkeypatch.setattr("ocdrnet_gateway.core.documents.PATIENCE_S", 0.5)
    job = submit(http, gateway, SCANS, OCR)
    over = ended(http, gateway, job)
    assert (over["status"], over["error"]["status"]) == ("failed", 503)
    answer = result(http, gateway, job)
    assert is_problem(answer, 503, "is away")
    assert answer.headers["retry-after"] == "2"


def test_a_document_that_cannot_be_read_fails_with_its_sentence(gateway, http):
    job = submit(http, gateway, b"%PDF-1.7 nothing")
    over = ended(http, gateway, job)
    said = "the document (16 bytes) cannot be read: the PDF is damaged, or is none"
    assert over["error"] == {"status": 422, "detail": said}
    assert is_problem(result(http, gateway, job), 422, said)


def test_the_password_opens_and_is_kept_nowhere(start_gateway, http, tmp_path):
    closed = io.BytesIO()
    with pikepdf.open(io.BytesIO(SCANS)) as plain:
        plain.save(closed, encryption=pikepdf.Encryption(owner="own", user="sesame"))
    url = start_gateway().url
    job = submit(http, url, closed.getvalue(), ocdrnet_password="sesame")
    assert ended(http, url, job)["pages_done"] == 3
    kept = [path.read_bytes() for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"sesame" in content for content in kept)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?dpi=20", "dpi is '20'"),
        ("?output=docx", "output is 'docx'"),
        ("?timing=steps", "leave `timing` out"),
        ("?webhook=a&webhook=b", "'webhook' is given more than once"),
        ("?webhook=https://hooks.example/", "calls no host for a caller"),
        ("?colour=red", "colour"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_kept(start_gateway, http, reader, query, named):
    server = start_gateway()
    assert is_problem(http.post(f"{server.url}/v1/jobs{query}", content=SCANS), 422, named)
    assert is_problem(http.post(f"{server.url}/v1/jobs", content=b"GIF8 no"), 422, "cannot be read")
    assert kinds(server) == []
    assert reader.calls == []


def test_a_deleted_job_ends_its_pages_and_leaves_nothing(start_gateway, http, reader):
    server = start_gateway()
    reader.seconds = 600
    job = submit(http, server.url, SCANS, OCR)
    until(lambda: reader.running == 3)
    begin = time.monotonic()
    assert http.delete(f"{server.url}/v1/jobs/{job}").status_code == 204
    assert (reader.running, reader.cancelled) == (0, 3)
    assert time.monotonic() - begin < 2
    assert is_problem(http.get(f"{server.url}/v1/jobs/{job}"), 404)
    assert is_problem(http.delete(f"{server.url}/v1/jobs/{job}"), 404)
    assert kinds(server) == []


def store_of(server):
    return server._server.config.app.state.services.store


def test_a_job_is_not_told_deleted_while_the_store_is_away(start_gateway, http, reader, monkeypatch):
    server = start_gateway()
    reader.seconds = 600
    job = submit(http, server.url, SCANS, OCR)
    until(lambda: reader.running == 3)

    async def away(place):
        raise UnavailableError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(store_of(server), "delete", away)
        assert is_problem(http.delete(f"{server.url}/v1/jobs/{job}"), 503, "the store is away")
        assert "document" in kinds(server)
    assert http.delete(f"{server.url}/v1/jobs/{job}").status_code == 204
    assert kinds(server) == []


def test_two_who_delete_a_job_at_once_leave_nothing(start_gateway, http, reader, monkeypatch):
    server = start_gateway()
    reader.seconds = 600
    job = submit(http, server.url, SCANS, OCR)
    until(lambda: reader.running == 3)
    begun, delete = threading.Event(), store_of(server).delete

    async def slow(place):
        begun.set()
        await asyncio.sleep(0.3)
        return await delete(place)

    monkeypatch.setattr(store_of(server), "delete", slow)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(http.delete, f"{server.url}/v1/jobs/{job}")
        assert begun.wait(30)
        second = pool.submit(http.delete, f"{server.url}/v1/jobs/{job}")
        assert {first.result().status_code, second.result().status_code} <= {204, 404}
    assert kinds(server) == []


def test_a_store_that_is_full_at_the_end_costs_no_job(start_gateway, http, monkeypatch):
    server = start_gateway()
    fill, refused = store_of(server).fill, []

    async def full(place, content, payer=""):
        if b'"status": "done"' in content and not refused:
            refused.append(place)
            raise StoreFullError("the store is full")
        await fill(place, content, payer)

    monkeypatch.setattr(store_of(server), "fill", full)
    job = submit(http, server.url, SCANS, "?dpi=72")
    assert ended(http, server.url, job)["status"] == "done"
    until(lambda: not server._server.config.app.state.document_jobs._jobs)
    assert len(refused) == 1
    assert result(http, server.url, job).json()["pages_read"] == 3


def test_results_that_come_after_a_deletion_are_deleted(start_gateway, http, monkeypatch):
    """As where another gateway deletes a job in the moment in which this one writes its pages."""
    monkeypatch.setattr("ocdrnet_gateway.core.job_run._LOOK_S", 600)
    server = start_gateway()
    put_file, jobs = store_of(server).put_file, server._server.config.app.state.document_jobs

    async def late(place, label, path):
        if place.kind == "result":
            await delete_job(store_of(server), replace(place, kind="progress"))
        await put_file(place, label, path)

    monkeypatch.setattr(store_of(server), "put_file", late)
    submit(http, server.url, SCANS, "?dpi=72")
    until(lambda: not jobs._jobs)
    assert kinds(server) == []


def test_a_job_that_is_done_is_deleted_with_its_results(start_gateway, http):
    server = start_gateway()
    job = submit(http, server.url, SCANS, "?output=pdf&dpi=72")
    ended(http, server.url, job)
    assert kinds(server) == ["progress", "result"], "the document is kept no longer than it is needed"
    assert http.delete(f"{server.url}/v1/jobs/{job}").status_code == 204
    assert is_problem(result(http, server.url, job), 404)
    assert kinds(server) == []


def test_everything_expires(start_gateway, http):
    server = start_gateway(result_lifetime_s=1.5, sweep_interval_s=0.2)
    job = submit(http, server.url, SCANS, "?dpi=72")
    ended(http, server.url, job)
    until(lambda: http.get(f"{server.url}/v1/jobs/{job}").status_code == 404)
    until(lambda: kinds(server) == [])


def test_a_result_that_gave_way_is_told_so(start_gateway, http):
    server = start_gateway()
    job = submit(http, server.url, SCANS, "?dpi=72")
    ended(http, server.url, job)
    backend = open_backend(server._server.config.app.state.services.settings)
    for stored in list(backend.listing("result/")):
        backend.remove(stored.name)
    assert is_problem(result(http, server.url, job), 404, "gave way to newer ones")


def test_one_caller_does_not_see_anothers_job(start_gateway, http, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann"), make_key(path, "bob")
    url = start_gateway(keys_file=path).url
    assert is_problem(http.post(f"{url}/v1/jobs", content=SCANS), 401)
    job = submit(http, url, SCANS, "?dpi=72", ann)
    ended(http, url, job, ann)
    for call in (http.get, http.delete):
        assert is_problem(call(f"{url}/v1/jobs/{job}", headers={"authorization": f"Bearer {bob}"}), 404)
        assert is_problem(call(f"{url}/v1/jobs/{job}"), 401)
    assert is_problem(result(http, url, job, key=bob), 404)
    assert result(http, url, job, key=ann).status_code == 200


def test_another_machine_deletes_no_job(start_gateway, http):
    url = start_gateway(interfaces="own,azure").url
    job = submit(http, url, SCANS, "?dpi=72")
    ended(http, url, job)
    analyze = "/documentintelligence/documentModels/prebuilt-read:analyze?api-version=2024-11-30"
    analysis = http.post(url + analyze, content=SCANS).headers["operation-location"]
    with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(local_address="127.0.0.77"), timeout=30) as other:
        for where in (f"{url}/v1/jobs/{job}", analysis):
            assert other.delete(where).status_code == 404
            assert other.get(where).status_code == 200, "who was told the id may see it"
    for where in (f"{url}/v1/jobs/{job}", analysis):
        assert http.delete(where).status_code == 204


@pytest.mark.parametrize("job", ["x", "3b6f2d0e-5c1a-4f7e-9d3c-8a1b2c3d4e5f", "..%2f..%2fkeys"])
def test_an_id_that_is_none_is_404(gateway, http, job):
    assert is_problem(http.get(f"{gateway}/v1/jobs/{job}"), 404)


def test_jobs_wait_for_their_turn_and_a_request_finds_its_place(start_gateway, http, reader, gate):
    url = start_gateway(max_documents=2).url
    jobs = [submit(http, url, SCANS, OCR) for _ in range(3)]
    until(lambda: state(http, url, jobs[0])["pages_done"] == 1)
    assert [state(http, url, job)["status"] for job in jobs] == ["running", "waiting", "waiting"]
    assert http.post(f"{url}/v1/read?text_layer=trust&pages=2", content=SCANS).json()["pages_read"] == 1
    gate.set()
    assert [ended(http, url, job)["status"] for job in jobs] == ["done"] * 3


def test_too_many_jobs_are_refused(start_gateway, http, gate, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann"), make_key(path, "bob")
    url = start_gateway(keys_file=path, max_jobs=3).url

    def refused(key):
        return http.post(f"{url}/v1/jobs{OCR}", content=SCANS, headers={"authorization": f"Bearer {key}"})

    submit(http, url, SCANS, OCR, ann)
    answer = refused(ann)
    assert is_problem(answer, 429, "1 of your jobs")
    assert int(answer.headers["retry-after"]) >= 1
    first = submit(http, url, SCANS, OCR, bob)
    assert http.delete(f"{url}/v1/jobs/{first}", headers={"authorization": f"Bearer {bob}"}).status_code == 204
    submit(http, url, SCANS, OCR, bob)


def test_a_job_of_more_pages_than_a_minute_allows_waits_for_them(start_gateway, http, reader):
    server = start_gateway(rate_per_minute=30)
    quotas = server._server.config.app.state.services.quotas
    job = submit(http, server.url, pdf(*[scan] * 3), OCR)
    ended(http, server.url, job)
    (use,) = quotas._uses.values()
    assert 27 <= use.tokens < 28, "three pages were paid for"
    use.tokens = 1.5
    begin = time.monotonic()
    over = ended(http, server.url, submit(http, server.url, pdf(*[scan] * 3), OCR))
    assert (over["pages_done"], over["pages_failed"], len(reader.calls)) == (3, 0, 6)
    assert time.monotonic() - begin >= 3, "three pages, of which one was there, at one in two seconds"


def test_a_job_whose_callers_quota_is_spent_leaves_its_turn_to_others(
    start_gateway, http, reader, monkeypatch, tmp_path
):
    monkeypatch.setattr("ocdrnet_gateway.core.documents.QUOTA_PATIENCE_S", 0.5)
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann", "--rate", "1"), make_key(path, "bob")
    server = start_gateway(keys_file=path, max_documents=2)
    slow = submit(http, server.url, pdf(*[scan] * 3), OCR, ann)
    until(lambda: state(http, server.url, slow, ann)["pages_done"] == 1)
    assert ended(http, server.url, submit(http, server.url, pdf(scan), OCR, bob), bob)["pages_done"] == 1
    assert state(http, server.url, slow, ann)["status"] == "running"
    use = server._server.config.app.state.services.quotas._uses["ann"]

    def is_over():
        use.tokens = 1.0  # as if a minute had gone by
        return state(http, server.url, slow, ann)["status"] == "done"

    until(is_over)
    over = state(http, server.url, slow, ann)
    assert (over["attempts"], over["pages"], over["pages_done"], over["words"]) == (1, 3, 3, 9)
    assert [page["page"] for page in result(http, server.url, slow, key=ann).json()["pages"]] == [1, 2, 3]
    assert len(reader.calls) == 4, "no page was read twice"


def test_a_full_store_is_507_and_nothing_is_left(start_gateway, http):
    server = start_gateway(store_max_bytes=len(SCANS) + 200, store_caller_bytes=len(SCANS) + 200)
    assert is_problem(http.post(f"{server.url}/v1/jobs", content=SCANS), 507)
    assert kinds(server) == []


def test_a_job_fails_that_takes_too_long(start_gateway, http, reader):
    reader.seconds = 600
    url = start_gateway(max_job_s=1).url
    job = submit(http, url, SCANS, OCR)
    over = ended(http, url, job)
    assert over["error"]["status"] == 504
    assert "not done within 1 s" in over["error"]["detail"]


def test_a_job_of_more_text_than_may_be_fails(gateway, http, monkeypatch):
    monkeypatch.setattr("ocdrnet_gateway.core.job_run._TEXT_BYTES", 10_000)
    over = ended(http, gateway, submit(http, gateway, pdf(*[letter] * 3)))
    assert (over["status"], over["error"]["status"]) == ("failed", 413)
    assert "more than 10,000 bytes" in over["error"]["detail"]


def test_a_result_is_sent_in_pieces(gateway, http):
    job = submit(http, gateway, pdf(*[scan] * 12), OCR)
    ended(http, gateway, job)
    with http.stream("GET", f"{gateway}/v1/jobs/{job}/result?output=jsonl") as answer:
        assert "content-length" not in answer.headers
        assert [json.loads(line)["page"] for line in answer.iter_lines()] == list(range(1, 13))


def test_a_document_may_be_larger_than_other_bodies_and_takes_no_memory(start_gateway, http):
    large = SCANS + b"\n% " + b"x" * 300_000
    server = start_gateway(max_upload_bytes=200_000, max_document_bytes=400_000)
    memory = server._server.config.app.state.services.memory
    most, change = [], memory.change_bodies
    memory.change_bodies = lambda growth: (change(growth), most.append(memory._bodies))
    assert is_problem(http.post(f"{server.url}/v1/read", content=large), 413, "200,000 bytes")
    most.clear()
    job = submit(http, server.url, large, "?dpi=72")
    # The job itself, once it has its turn, reserves what its work may take: whole MiB, which the body is not.
    assert all(held % MIB == 0 for held in most), "the body was held in memory"
    assert ended(http, server.url, job)["pages_done"] == 3
    for body in (large * 2, iter([large, large])):
        assert is_problem(http.post(f"{server.url}/v1/jobs", content=body), 413, "400,000 bytes")
    image = io.BytesIO()
    scanned(size=(64, 48)).save(image, format="PNG")
    padded = image.getvalue() + b"x" * 300_000
    assert is_problem(http.post(f"{server.url}/v1/jobs", content=padded), 413, "an image may have 200,000 bytes")


def test_files_on_their_way_have_a_limit(start_gateway, http):
    server = start_gateway()
    job = submit(http, server.url, SCANS, "?dpi=72")
    ended(http, server.url, job)
    spool = server._server.config.app.state.document_jobs.spool
    with spool.folder(spool.max_bytes - 10):
        for answer in (http.post(f"{server.url}/v1/jobs", content=SCANS), result(http, server.url, job)):
            assert is_problem(answer, 429, "temporary folder")
            assert answer.headers["retry-after"] == "1"
    assert result(http, server.url, job).status_code == 200
    until(lambda: spool._used == 0)


@pytest.mark.parametrize(("late", "status"), [(2, "done"), (3, "failed")])
def test_a_document_that_opens_late_is_opened_again(gateway, http, monkeypatch, late, status):
    """A gateway that is short of CPU starts no process in time."""
    tries = []

    class Late(OpenDocument):
        def __init__(self, *given, **settings):
            tries.append(self)
            if len(tries) <= late:
                raise RequestTimeoutError("it took longer than 10 s")
            super().__init__(*given, **settings)

    monkeypatch.setattr("ocdrnet_gateway.core.documents.OpenDocument", Late)
    monkeypatch.setattr("ocdrnet_gateway.core.job_run._WAIT_S", 0.01)
    over = ended(http, gateway, submit(http, gateway, SCANS, "?dpi=72"))
    assert (over["status"], len(tries)) == (status, 3)
    assert status == "done" or "longer than 10 s" in over["error"]["detail"]


def test_one_callers_files_leave_room_for_others(start_gateway, http, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann"), make_key(path, "bob")
    server = start_gateway(keys_file=path)
    jobs = {key: submit(http, server.url, SCANS, "?dpi=72", key) for key in (ann, bob)}
    for key, job in jobs.items():
        ended(http, server.url, job, key)
    spool = server._server.config.app.state.document_jobs.spool
    with spool.folder(spool.max_bytes // 2, space_of("ann")):
        for answer in (
            http.post(f"{server.url}/v1/jobs", content=SCANS, headers=bearer(ann)),
            result(http, server.url, jobs[ann], key=ann),
        ):
            assert is_problem(answer, 429, "one caller's share")
            assert answer.headers["retry-after"] == "5"
        assert result(http, server.url, jobs[bob], key=bob).status_code == 200
        ended(http, server.url, submit(http, server.url, SCANS, "?dpi=72", bob), bob)
    assert result(http, server.url, jobs[ann], key=ann).status_code == 200
    until(lambda: not spool._taken)


def test_pages_are_not_held(start_gateway, http, reader):
    """Memory is flat: of forty pages a few are there at a time."""
    made, most = [], []

    async def respond(call):
        page = replace(PAGE)
        made.append(weakref.ref(page))
        most.append(sum(each() is not None for each in made))
        return page

    reader.respond = respond
    url = start_gateway().url
    job = submit(http, url, pdf(*[scan] * 40), "?text_layer=ocr&dpi=36&output=pdf")
    assert ended(http, url, job)["pages_done"] == 40
    assert max(most) <= 12
    assert result(http, url, job, "json").json()["pages_read"] == 40
