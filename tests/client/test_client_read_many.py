"""`read_many`: order, bounded concurrency, laziness, and that failures stay where they belong."""

import asyncio
import itertools
import threading
import time

import pytest
from client_answers import tensors_of
from client_model import Refused

from ocdrnet_client import AsyncClient, Client, ConfigurationError, InvalidRequestError, Outcome, Page, ServerError


def by_length(request):
    """The page of an image of n bytes is n wide."""
    return tensors_of(Page(len(request.image), 1))


def later_ones_first(request):
    time.sleep(max(0, 0.03 - len(request.image) / 300))
    return by_length(request)


def read_many_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ocdrnet-read")]


def wait_until(condition):
    for _ in range(200):
        if condition():
            return True
        time.sleep(0.01)
    return False


def endless(pulled):
    for count in itertools.count(1):
        pulled.append(count)
        yield bytes(count)


@pytest.mark.parametrize("concurrency", [1, 3, 4, 50])
def test_outcomes_come_in_the_order_of_the_images(connect, model, concurrency):
    model.respond = later_ones_first
    pictures = [bytes(count) for count in range(1, 12)]
    outcomes = connect().read_many(iter(pictures), concurrency=concurrency)
    assert [outcome.source for outcome in outcomes] == pictures
    assert [outcome.unwrap().width for outcome in outcomes] == list(range(1, 12))


def test_as_many_at_once_as_asked_for(connect, model):
    def respond(request):
        time.sleep(0.05)
        return by_length(request)

    model.respond = respond
    connect().read_many([b"picture"] * 12, concurrency=3)
    assert model.most_running == 3


def test_no_images_no_outcomes(connect, model):
    assert connect().read_many([]) == []
    assert connect().read_many(iter(())) == []


def test_one_failure_loses_no_other(connect, model, server, tmp_path):
    def respond(request):
        if len(request.image) == 3:
            raise Refused(server.status("invalid"), "not a readable image")
        if len(request.image) == 5:
            raise Refused(server.status("internal"), "out of memory")
        return by_length(request)

    model.respond = respond
    pictures = [b"1", tmp_path / "missing.jpg", b"333", b"", b"55555", "a\0b.jpg", 7, tmp_path, b"999999999"]
    outcomes = connect().read_many(pictures)
    kinds = [outcome.page.width if outcome.page else type(outcome.error) for outcome in outcomes]
    wrong = InvalidRequestError
    assert kinds == [1, wrong, wrong, wrong, ServerError, wrong, wrong, wrong, 9]
    assert [outcome.source for outcome in outcomes] == pictures


def test_options_and_channel_order_go_to_each(connect, model):
    connect().read_many([b"a", b"b"], min_text_score=0.25)
    assert [request.parameters for request in model.requests] == 2 * [{"min_text_score": 0.25}]
    (outcome,) = connect().read_many([b"a"], shade=1)
    assert "unknown parameter 'shade'" in str(outcome.error)


@pytest.mark.parametrize("concurrency", [0, -1])
def test_no_concurrency_is_refused_at_once(server, concurrency):
    with Client(server.url) as client:
        for each in (client, AsyncClient(server.url)):
            with pytest.raises(ConfigurationError, match=f"concurrency is {concurrency}; it must be 1 or more"):
                each.read_many([b"picture"], concurrency=concurrency)


def test_an_endless_generator_is_pulled_as_outcomes_are_taken(server):
    server.model.respond = by_length
    pulled = []
    with Client(server.url) as client:
        outcomes = client.read_many(endless(pulled), concurrency=2)
        assert pulled == []
        for taken in range(1, 8):
            assert next(outcomes).unwrap().width == taken
            assert len(pulled) <= taken + 4
        outcomes.close()
        assert wait_until(lambda: not read_many_threads())
    assert len(server.model.requests) <= len(pulled) <= 11


def test_an_endless_generator_with_await(server):
    server.model.respond = by_length
    pulled = []

    async def run():
        async with AsyncClient(server.url) as client:
            outcomes = client.read_many(endless(pulled), concurrency=2)
            for taken in range(1, 8):
                assert (await anext(outcomes)).unwrap().width == taken
                assert len(pulled) <= taken + 4
            await outcomes.aclose()
            await asyncio.sleep(0.05)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_images_may_come_from_an_async_generator(server):
    server.model.respond = by_length

    async def pictures():
        for count in range(1, 6):
            await asyncio.sleep(0)
            yield bytes(count)

    async def run():
        async with AsyncClient(server.url) as client:
            return [outcome.unwrap().width async for outcome in client.read_many(pictures())]

    assert asyncio.run(run()) == [1, 2, 3, 4, 5]


def test_breaking_off_leaves_no_thread_and_no_request(server):
    model = server.model

    def respond(request):
        return by_length(request) if len(request.image) == 1 else model.stall()

    model.respond = respond
    with Client(server.url, timeout=20) as client:
        for outcome in client.read_many((bytes(1 + count // 4) for count in range(100)), concurrency=2):
            assert outcome.page
            break
        del outcome
    assert wait_until(lambda: not read_many_threads())
    assert len(model.requests) < 10


def test_breaking_off_with_await_leaves_no_task(server):
    model = server.model

    def respond(request):
        return by_length(request) if len(request.image) == 1 else model.stall()

    model.respond = respond

    async def run():
        async with AsyncClient(server.url, timeout=20) as client:
            async for outcome in client.read_many([b"1", *[b"22"] * 50], concurrency=2):
                assert outcome.page
                break
            for _ in range(100):
                await asyncio.sleep(0.01)
                if asyncio.all_tasks() == {asyncio.current_task()}:
                    return True
        return False

    assert asyncio.run(run())
    assert len(model.requests) < 10


def test_an_error_of_the_generator_itself_ends_the_reading(connect, model):
    def pictures():
        yield b"1"
        raise RuntimeError("disk is gone")

    with pytest.raises(RuntimeError, match="disk is gone"):
        connect().read_many(pictures())
    assert wait_until(lambda: not read_many_threads())


def test_an_outcome_is_a_page_or_an_error():
    page, error = Page(1, 1), ServerError("broken")
    assert Outcome("a", page=page).unwrap() is page
    with pytest.raises(ServerError, match="broken"):
        Outcome("a", error=error).unwrap()
    for both in ({}, {"page": page, "error": error}):
        with pytest.raises(ValueError, match="either a page or an error"):
            Outcome("a", **both)
