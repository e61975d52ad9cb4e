"""One client in a forked child, and one in two event loops."""

import asyncio
import os
import pickle
import threading
import traceback

import pytest
from client_answers import TWO_LINES, tensors_of

from ocdrnet_client import AsyncClient, Client, ClientClosedError, ConfigurationError

LIMIT_S = 20


def in_child(work):
    """What `work` returns, or raises, in a forked child that ends as a program does, by way of its finalizers."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer = work()
        except BaseException as error:  # the test is told
            answer = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        with open(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writing)
    answer: list[object] = []

    def receive():
        with open(reading, "rb") as pipe:
            answer.append(pickle.load(pipe))

    receiving = threading.Thread(target=receive, daemon=True)
    receiving.start()
    receiving.join(LIMIT_S)
    if receiving.is_alive():
        os.kill(child, 9)
    os.waitpid(child, 0)
    return answer[0] if answer else "hangs"


@pytest.fixture
def client(server):
    server.model.respond = lambda request: tensors_of(TWO_LINES)
    with Client(server.url, timeout=5) as client:
        yield client


@pytest.mark.parametrize("is_used", [False, True], ids=["new", "used"])
def test_a_forked_child_reads_and_its_parent_goes_on(client, is_used):
    if is_used:
        client.read(b"picture")

    def work():
        pages = list(client.read_many([b"picture"] * 6, concurrency=3))
        ready = client.is_ready()
        client.close()
        return ready, [outcome.unwrap().text for outcome in pages]

    assert in_child(work) == (True, [TWO_LINES.text] * 6)
    assert client.read(b"picture").text == TWO_LINES.text
    assert client.is_ready()


def test_a_childs_own_child_reads(client):
    assert in_child(lambda: (client.is_ready(), in_child(client.is_ready))) == (True, True)


def test_a_closed_client_is_closed_in_a_child_too(client):
    client.close()
    assert "ClientClosedError" in in_child(client.is_ready)


def test_closing_in_a_child_leaves_the_parents_connection_alone(client):
    client.read(b"picture")
    assert in_child(client.close) is None
    assert client.read(b"picture").text == TWO_LINES.text


def test_a_given_transport_is_kept_in_a_child():
    class Transport:
        def is_model_ready(self, model, timeout):
            return True

        def close(self):
            pass

    client = Client("grpc://127.0.0.1:1", transport=Transport())
    assert in_child(client.is_ready) is True


def ready(client):
    return asyncio.run(asyncio.wait_for(client.is_ready(), LIMIT_S))


@pytest.mark.parametrize("call", ["is_ready", "read"])
def test_an_asynchronous_client_says_that_it_belongs_to_another_loop(server, call):
    async def ask():
        return await (client.is_ready() if call == "is_ready" else client.read(b"picture"))

    client = AsyncClient(server.url)
    assert ready(client)
    with pytest.raises(ConfigurationError, match="belongs to the event loop of its first request"):
        asyncio.run(ask())
    asyncio.run(client.close())
    with pytest.raises(ClientClosedError):
        ready(client)


def test_read_many_says_so_for_each_image(server):
    async def ask():
        return [outcome async for outcome in client.read_many([b"a", b"b"])]

    client = AsyncClient(server.url)
    assert ready(client)
    assert [type(outcome.error) for outcome in asyncio.run(ask())] == [ConfigurationError] * 2


def test_a_client_is_not_closed_from_another_loop_while_its_own_runs(server):
    client, own = AsyncClient(server.url), asyncio.new_event_loop()
    try:
        assert own.run_until_complete(client.is_ready())
        with pytest.raises(ConfigurationError, match="another one"):
            asyncio.run(client.close())
        assert own.run_until_complete(client.is_ready())
    finally:
        own.run_until_complete(client.close())
        own.close()


def test_a_client_that_was_never_used_closes_in_any_loop(server):
    asyncio.run(AsyncClient(server.url).close())
