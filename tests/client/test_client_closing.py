"""What close() does to the client and to requests under way."""

import asyncio
import contextlib
import threading
import time

import pytest
from client_answers import tensors_of

from ocdrnet_client import AsyncClient, Client, ClientClosedError, Page, Retry


def client_threads():
    """The client's threads that are left after a moment to end in."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("ocdrnet")]
    for thread in threads:
        thread.join(2)
    return [thread.name for thread in threads if thread.is_alive()]


def test_closing_breaks_off_a_request(connect, model):
    model.respond = model.stall
    client = connect(timeout=20, retry=Retry(attempts=1))
    started = time.monotonic()
    with pytest.raises(ClientClosedError):
        client.read_and_close(b"picture", lambda: model.running)
    assert time.monotonic() - started < 10


def test_a_closed_client_refuses(connect, model):
    client = connect()
    client.read(b"picture")
    client.close()
    client.close()
    assert not client_threads()


def test_a_closed_blocking_client_refuses(server):
    with Client(server.url) as client:
        client.read(b"picture")
    client.close()
    for call in (lambda: client.read(b"picture"), client.is_ready):
        with pytest.raises(ClientClosedError, match="make a new one"):
            call()
    (outcome,) = client.read_many([b"picture"])
    assert isinstance(outcome.error, ClientClosedError)
    assert len(server.model.requests) == 1
    assert not client_threads()


def test_a_closed_asynchronous_client_refuses(server):
    async def run():
        async with AsyncClient(server.url) as client:
            await client.read(b"picture")
        await client.close()
        for call in (client.read(b"picture"), client.is_ready()):
            with pytest.raises(ClientClosedError, match="make a new one"):
                await call
        return [outcome.error async for outcome in client.read_many([b"picture"])]

    (error,) = asyncio.run(run())
    assert isinstance(error, ClientClosedError)
    assert len(server.model.requests) == 1


def test_a_client_that_was_never_used_can_be_closed(server):
    Client(server.url).close()
    asyncio.run(AsyncClient(server.url).close())
    assert not client_threads()


def test_threads_that_race_with_close_all_get_an_answer(server):
    """Whoever comes too late must hear so, rather than wait for ever or get another package's error."""
    unexpected = []

    def read(client):
        try:
            while True:
                client.read(b"picture")
        except ClientClosedError:
            pass
        except BaseException as error:
            unexpected.append(error)

    for _ in range(8):
        client = Client(server.url)
        threads = [threading.Thread(target=read, args=(client,), daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        client.close()
        for thread in threads:
            thread.join(5)
        assert not any(thread.is_alive() for thread in threads)
    assert unexpected == []


def test_transports_refuse_after_close_by_themselves(server):
    """A thread may pass the client's own check just before another thread closes it."""
    client = Client(server.url)
    client.read(b"picture")
    transport = client._transport
    client.close()
    client._closed.clear()
    for call in (lambda: client.read(b"picture"), client.is_ready):
        with pytest.raises(ClientClosedError):
            call()
    transport.close()


def test_cancelling_a_task_is_not_closing(server):
    server.model.respond = server.model.stall

    async def run():
        async with AsyncClient(server.url, timeout=20) as client:
            task = asyncio.create_task(client.read(b"picture"))
            while not server.model.running:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(run())


def test_one_client_serves_many_threads(server):
    def respond(request):
        time.sleep(0.01)
        return tensors_of(Page(len(request.image), len(request.image)))

    server.model.respond = respond
    wrong = []

    def read(client, own):
        for count in range(own, own + 10):
            page = client.read(bytes(count))
            if (page.width, page.height) != (count, count):
                wrong.append((count, page))

    with Client(server.url) as client:
        threads = [threading.Thread(target=read, args=(client, 1 + 100 * index)) for index in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert wrong == []
    assert len(server.model.requests) == 120
    assert server.model.most_running > 4


def test_closing_ends_a_call_that_loses_its_first_cancellation(monkeypatch):
    asked = threading.Event()

    class Deaf:
        """Goes on after its first cancellation, as a loop around `asyncio.wait_for` does before Python 3.12."""

        async def infer(self, request, timeout):
            asked.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            await asyncio.sleep(60)

        async def close(self):
            pass

    monkeypatch.setattr("ocdrnet_client.transports.opening.open_async_transport", lambda *arguments: Deaf())
    client = Client("http://127.0.0.1:1")
    closing = threading.Thread(target=lambda: asked.wait(10) and client.close())
    closing.start()
    started = time.monotonic()
    with pytest.raises(ClientClosedError):
        client.read(b"picture")
    closing.join(10)
    assert not closing.is_alive()
    assert time.monotonic() - started < 10
    assert not client_threads()
