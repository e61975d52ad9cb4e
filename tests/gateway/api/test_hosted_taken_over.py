"""A request of the hosted endpoint that was answered 202 outlives its gateway: killed, stopped, or out of breath."""

import asyncio
import json
import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from gateway_reader import PAGE, StandInReader
from hosted_flow import ASSETS, ask, bearer, fetched, inline, is_problem, make_key, poll, uploaded
from job_calls import until
from slow_gateway import LEASE_S, other_process

from ocdrnet_gateway.api.hosted.jobs import Jobs, JobState, Wanted
from ocdrnet_gateway.core.heartbeat import Heartbeat
from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.http_errors import ReaderFailedError, UnavailableError
from ocdrnet_gateway.store import Label, Place, Store, space_of
from ocdrnet_gateway.store.folder import FolderBackend

FAST = {"NVCF-POLL-SECONDS": "1"}


@pytest.fixture
def folder(tmp_path):
    """Settings of gateways on one folder."""
    return {"secret": "a secret of both", "job_lease_s": LEASE_S, "store": str(tmp_path / "shared")}


@pytest.fixture
def slow():
    reader = StandInReader()
    reader.seconds = 600
    return reader


def accepted(http, url, image, key=None, **more):
    """The id of a request that was answered 202."""
    answer = ask(http, url, image, key, headers=FAST, **more)
    assert answer.status_code == 202, answer.text
    return answer.headers["nvcf-reqid"]


def answered(http, url, request_id, key=None):
    """What a caller hears in the end."""
    end = time.monotonic() + 90
    while (answer := poll(http, url, request_id, key, seconds=5)).status_code == 202:
        assert time.monotonic() < end, "the request is under way for ever"
    return answer


def state_of(server):
    return server._server.config.app.state


def kinds(folder):
    """What lies in the store, without signs of life."""
    files = [path for path in (folder / "shared").rglob("*.*") if path.is_file()]
    return sorted(path.relative_to(folder / "shared").parts[0] for path in files if "beat" not in path.parts)


def state_file(folder, **changes):
    """What is kept of the only request, with changes as another gateway would have made them."""
    (path,) = (folder / "shared" / "job").rglob("*.bin")
    state = {**json.loads(path.read_bytes()), **changes}
    path.write_bytes(json.dumps(state).encode())
    return state


def test_a_killed_gateways_request_is_answered_by_another(start_gateway, http, shared, picture, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann"), make_key(path, "bob")
    shared["keys_file"] = path
    with other_process(shared, 600) as (url, process):
        asset = uploaded(http, url, picture, ann)
        request_id = accepted(http, url, asset, ann, render_label=True)
        process.send_signal(signal.SIGKILL)
        process.wait()
    reader = StandInReader()
    other = start_gateway(reader=reader, **shared)
    assert http.delete(f"{other.url}{ASSETS}/{asset}", headers=bearer(ann)).status_code == 204
    done = answered(http, other.url, request_id, ann)
    assert fetched(http, done).metadata[0]["label"] == "Grüße 你好"
    assert fetched(http, done).picture.width > 64, "the texts are drawn beside the boxes, as was asked"
    assert [(call.image, call.request_id) for call in reader.calls] == [(picture, request_id)]
    assert is_problem(poll(http, other.url, request_id, bob, seconds=1), 404)
    kept = [place.id for kind in ("job", "document") for place in places(other, kind)]
    assert kept == []


def places(server, kind):
    return asyncio.run(state_of(server).services.store.list_places(kind))


def test_another_caller_neither_gets_it_nor_has_it_taken_over(start_gateway, http, folder, picture, slow, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann"), make_key(path, "bob")
    first = start_gateway(reader=slow, keys_file=path, **folder)
    request_id = accepted(http, first.url, inline(picture), ann)
    first.stop()
    reader = StandInReader()
    url = start_gateway(reader=reader, keys_file=path, **folder).url
    assert is_problem(poll(http, url, request_id, bob, seconds=2), 404)
    assert reader.calls == []
    assert answered(http, url, request_id, ann).status_code == 302


def test_a_stopped_gateways_request_is_answered_by_another_at_once(start_gateway, http, folder, picture, slow):
    first = start_gateway(reader=slow, **{**folder, "job_lease_s": 600})
    request_id = accepted(http, first.url, inline(picture))
    begin = time.monotonic()
    first.stop()
    assert time.monotonic() - begin < 30, "a stop waits for no request that was answered"
    assert slow.cancelled == 1
    url = start_gateway(**folder).url
    assert fetched(http, answered(http, url, request_id)).metadata
    assert answered(http, url, request_id).status_code == 302


def test_a_stop_is_no_death(start_gateway, http, folder, picture, slow):
    request_id = accepted(http, (server := start_gateway(reader=slow, **folder)).url, inline(picture))
    for begun in range(2, 4):
        server.stop()
        server = start_gateway(reader=slow, **folder)
        assert poll(http, server.url, request_id, seconds=1).status_code == 202
        until(lambda begun=begun: len(slow.calls) == begun)
    server.stop()
    assert answered(http, start_gateway(**folder).url, request_id).status_code == 302


def test_of_two_gateways_that_are_polled_one_does_the_work(start_gateway, http, folder, picture, slow):
    first = start_gateway(reader=slow, **folder)
    request_id = accepted(http, first.url, inline(picture))
    first.stop()
    reader = StandInReader()
    reader.seconds = 1
    urls = [start_gateway(reader=reader, **folder).url for _ in range(2)] * 2
    with ThreadPoolExecutor(len(urls)) as pool:
        answers = list(pool.map(lambda url: answered(http, url, request_id), urls))
    assert [answer.status_code for answer in answers] == [302] * 4
    assert len(reader.calls) == 1


@pytest.mark.full
def test_a_request_that_ends_gateways_fails(start_gateway, http, folder, picture, slow, tmp_path):
    first = start_gateway(reader=slow, **folder)
    request_id = accepted(http, first.url, inline(picture))
    first.stop()
    # As its third gateway would have left it, had that been killed.
    state_file(tmp_path, attempts=3)
    fast = StandInReader()
    url = start_gateway(reader=fast, **folder).url
    for _ in range(2):
        assert is_problem(answered(http, url, request_id), 502, "3 gateways ended")
    assert fast.calls == []
    assert kinds(tmp_path) == ["job", "job"], "its image is not kept any longer"


@pytest.mark.full
def test_its_deadline_starts_anew(start_gateway, http, folder, picture, slow, tmp_path):
    first = start_gateway(reader=slow, **folder)
    request_id = accepted(http, first.url, inline(picture))
    first.stop()
    state_file(tmp_path, ends=time.time() - 60)
    reader = StandInReader()
    reader.seconds = 2
    url = start_gateway(reader=reader, deadline_s=50, **folder).url
    until(lambda: poll(http, url, request_id, seconds=1) and reader.running)
    assert 40 < reader.calls[0].deadline_s <= 50
    assert 40 < state_file(tmp_path)["ends"] - time.time() <= 50
    assert answered(http, url, request_id).status_code == 302


def test_a_gateway_that_comes_back_does_not_fail_what_another_does(start_gateway, http, folder, picture, slow):
    late = threading.Event()

    async def fail(call):
        await asyncio.to_thread(late.wait, 60)
        raise ReaderFailedError("too late")

    slow.respond = fail
    one = start_gateway(reader=slow, **folder)
    request_id = accepted(http, one.url, inline(picture))
    # As if it stood still: it gives no sign of life any more.
    state_of(one).services.heartbeat._given_at = math.inf
    fast, end = StandInReader(), threading.Event()

    async def read_at_last(call):
        await asyncio.to_thread(end.wait, 60)
        return PAGE

    fast.respond = read_at_last
    two = start_gateway(reader=fast, **folder).url
    until(lambda: poll(http, two, request_id, seconds=1).status_code == 202 and fast.running == 1)
    (job,) = state_of(one).hosted.jobs._running.values()
    late.set()
    until(job.task.done)
    assert job.outcome() is False, "who waits for it here goes on waiting"
    assert poll(http, one.url, request_id, seconds=1).status_code == 202
    end.set()
    for url in (two, one.url):
        assert fetched(http, answered(http, url, request_id)).metadata


def test_an_end_that_could_not_be_written_is_found_again(start_gateway, http, folder, picture, reader, monkeypatch):
    server = start_gateway(deadline_s=600, **folder)
    reader.seconds = 2
    request_id = accepted(http, server.url, inline(picture))

    async def away(*_):
        raise UnavailableError("the store is away; try again in a moment")

    with monkeypatch.context() as patched:
        patched.setattr(state_of(server).services.store, "put", away)
        assert is_problem(poll(http, server.url, request_id), 503, "the store is away")
    assert fetched(http, answered(http, server.url, request_id)).metadata
    assert len(reader.calls) == 2


def test_a_request_whose_image_is_gone_says_so(start_gateway, http, folder, picture, slow, tmp_path):
    first = start_gateway(reader=slow, **folder)
    request_id = accepted(http, first.url, inline(picture))
    first.stop()
    (image,) = (tmp_path / "shared" / "document").rglob("*.bin")
    assert image.read_bytes() == picture
    image.unlink()
    assert is_problem(answered(http, start_gateway(**folder).url, request_id), 504, "is gone", "send it again")


@pytest.mark.full
def test_what_nobody_polls_for_expires(start_gateway, http, folder, picture, slow, tmp_path):
    first = start_gateway(reader=slow, deadline_s=2, result_lifetime_s=1, **folder)
    request_id = accepted(http, first.url, inline(picture))
    first.stop()
    assert kinds(tmp_path) == ["document", "document", "job", "job"]
    url = start_gateway(sweep_interval_s=0.2, **folder).url
    until(lambda: kinds(tmp_path) == [])
    assert is_problem(poll(http, url, request_id, seconds=1), 404)


def test_this_gateways_limits_let_it_wait_and_do_not_refuse_it(start_gateway, http, folder, picture, slow):
    first = start_gateway(reader=slow, concurrency=1, **folder)
    request_id = accepted(http, first.url, inline(picture))
    first.stop()
    busy = StandInReader()
    busy.seconds = 5
    other = start_gateway(reader=busy, concurrency=1, **folder)
    accepted(http, other.url, inline(picture))
    memory = state_of(other).services.memory
    assert poll(http, other.url, request_id, seconds=1).status_code == 202
    until(lambda: memory.held == 4 * len(picture), 4)
    busy.seconds = 0
    assert answered(http, other.url, request_id).status_code == 302
    assert (len(busy.calls), busy.most_running) == (2, 1)
    until(lambda: memory.held == 0)


def test_an_answer_in_time_keeps_nothing_but_its_result(start_gateway, http, folder, picture, reader, tmp_path):
    url = start_gateway(**folder).url
    assert ask(http, url, inline(picture)).status_code == 302
    assert kinds(tmp_path) == ["result", "result"]
    assert not list((tmp_path / "shared").rglob("beat/*/*"))


def test_after_202_nothing_but_the_result_stays(start_gateway, http, folder, picture, reader, tmp_path):
    reader.seconds = 4
    server = start_gateway(**folder)
    url, needs = server.url, state_of(server).services.heartbeat._needs
    request_id = accepted(http, url, inline(picture))
    assert kinds(tmp_path) == ["document", "document", "job", "job"]
    assert any(need() for need in needs), "others hear that this gateway lives"
    assert answered(http, url, request_id).status_code == 302
    until(lambda: kinds(tmp_path) == ["result", "result"] and not any(need() for need in needs))
    assert poll(http, url, request_id).status_code == 302


def test_what_its_gateway_had_no_time_to_delete_is_deleted(start_gateway, http, folder, picture, reader, tmp_path):
    reader.seconds = 1.5
    url = start_gateway(**folder).url
    request_id = accepted(http, url, inline(picture))
    kept = {
        path: path.read_bytes() for kind in ("job", "document") for path in (tmp_path / "shared" / kind).rglob("*.*")
    }
    assert answered(http, url, request_id).status_code == 302
    for path, content in kept.items():
        path.write_bytes(content)
    assert poll(http, url, request_id).status_code == 302
    assert kinds(tmp_path) == ["result", "result"]
    assert len(reader.calls) == 1


def test_a_server_that_is_away_for_a_moment_fails_nothing_after_202(
    start_gateway, http, folder, picture, reader, tmp_path
):
    async def away_at_first(call):
        await asyncio.sleep(1.5 if len(reader.calls) == 1 else 0)
        if len(reader.calls) < 3:
            raise UnavailableError("the server is away", 2)
        return PAGE

    reader.respond = away_at_first
    server = start_gateway(**folder)
    request_id = accepted(http, server.url, inline(picture))
    assert fetched(http, answered(http, server.url, request_id)).metadata
    assert [call.image for call in reader.calls] == [picture] * 3
    assert [call.request_id for call in reader.calls] == [request_id] * 3
    until(lambda: kinds(tmp_path) == ["result", "result"] and state_of(server).services.memory.held == 0)


@pytest.mark.full
def test_a_server_that_stays_away_is_told_at_the_deadline(start_gateway, http, folder, picture, reader):
    async def away(call):
        await asyncio.sleep(1.5 if len(reader.calls) == 1 else 0)
        raise UnavailableError("the server is away", 2)

    reader.respond = away
    url = start_gateway(deadline_s=4, **folder).url
    request_id = accepted(http, url, inline(picture))
    for _ in range(2):
        assert is_problem(answered(http, url, request_id), 503, "the server is away")
    assert len(reader.calls) > 1


def test_a_result_that_comes_while_it_is_taken_over_is_the_answer(
    start_gateway, http, folder, picture, slow, tmp_path, monkeypatch
):
    first = start_gateway(reader=slow, **folder)
    request_id = accepted(http, first.url, inline(picture))
    first.stop()
    fast = StandInReader()
    other = start_gateway(reader=fast, **folder)
    store, place = state_of(other).services.store, Place("result", space_of("anonymous"), request_id)
    asyncio.run(store.put(place, Label("application/zip", time.time() + 600), b"the other's"))
    has_content, looks = store.has_content, []

    async def late(place):
        looks.append(place)
        return len(looks) > 1 and await has_content(place)

    monkeypatch.setattr(store, "has_content", late)
    done = answered(http, other.url, request_id)
    assert http.get(done.headers["location"]).content == b"the other's"
    assert fast.calls == []
    until(lambda: kinds(tmp_path) == ["result", "result"])


def test_a_failure_keeps_no_image(start_gateway, http, folder, picture, reader, tmp_path):
    async def fail(call):
        await asyncio.sleep(1.5)
        raise ReaderFailedError("the server failed")

    reader.respond = fail
    url = start_gateway(**folder).url
    request_id = accepted(http, url, inline(picture))
    assert is_problem(answered(http, url, request_id), 502, "the server failed")
    until(lambda: kinds(tmp_path) == ["job", "job"])


def test_where_the_store_has_no_room_for_its_image_nothing_is_accepted(
    start_gateway, http, folder, picture, slow, tmp_path
):
    url = start_gateway(reader=slow, store_max_bytes=len(picture) + 300, **folder).url
    assert is_problem(ask(http, url, inline(picture), headers=FAST), 507, "no room")
    until(lambda: slow.cancelled == 1)
    until(lambda: kinds(tmp_path) == [])


def test_who_polls_a_gateway_that_is_being_stopped_shall_poll_again(tmp_path):
    async def run():
        backend = FolderBackend(tmp_path / "shared", 100_000)
        backend.check()
        store = Store(backend, 3600)
        heartbeat = Heartbeat(store, 600)
        jobs = Jobs(store, heartbeat, None, limit=1, deadline_s=600, lifetime_s=600)
        place = Place("result", space_of("ann"), "0" * 8 + "-0000-4000-8000-" + "0" * 12)
        wanted = Wanted(Principal("ann", 5.0, 2, "owner", "payer"), True)

        async def work():
            await asyncio.sleep(600)

        assert await jobs.run(place, wanted, b"image", work, 0.01) is False
        polled = asyncio.create_task(jobs.poll(place, 600))
        await asyncio.sleep(0)
        await jobs.close()
        assert await polled is False
        state = JobState.from_json(await store.get(Place("job", place.space, place.id)))
        assert (state.gateway, state.attempts, state.wanted, state.image_bytes) == ("", 0, wanted, 5)

    asyncio.run(run())


def test_a_state_of_a_newer_gateway_is_understood():
    state = JobState(Wanted(Principal("ann"), False), "g", 1.0, 5)
    newer = json.loads(state.to_json())
    newer["new"] = newer["wanted"]["new"] = newer["wanted"]["caller"]["new"] = 1
    assert JobState.from_json(json.dumps(newer).encode()) == state
