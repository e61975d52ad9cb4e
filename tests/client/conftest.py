import asyncio
import socket
import threading
import time

import pytest
from client_servers import Server

from ocdrnet_client import AsyncClient, Client


class Blocking:
    """`Client`, behind calls that `Awaited` has, too."""

    is_async = False

    def __init__(self, url, **settings):
        self._client = Client(url, **settings)

    def read(self, image, **options):
        return self._client.read(image, **options)

    def read_many(self, images, **options):
        return list(self._client.read_many(images, **options))

    def read_document(self, source, **options):
        return self._client.read_document(source, **options)

    def read_and_close(self, image, is_time):
        """Read, and close from another thread as soon as it is time."""

        def close_in_time():
            while not is_time():
                time.sleep(0.01)
            self._client.close()

        closing = threading.Thread(target=close_in_time)
        closing.start()
        try:
            return self._client.read(image)
        finally:
            closing.join()

    def is_ready(self):
        return self._client.is_ready()

    def close(self):
        self._client.close()


class Awaited:
    """`AsyncClient` in a loop of its own."""

    is_async = True

    def __init__(self, url, **settings):
        self._client = AsyncClient(url, **settings)
        self._runner = asyncio.new_event_loop()

    def read(self, image, **options):
        return self._runner.run_until_complete(self._client.read(image, **options))

    def read_many(self, images, **options):
        async def collected():
            return [outcome async for outcome in self._client.read_many(images, **options)]

        return self._runner.run_until_complete(collected())

    def read_document(self, source, **options):
        return self._runner.run_until_complete(self._client.read_document(source, **options))

    def read_and_close(self, image, is_time):
        async def both():
            reading = asyncio.create_task(self._client.read(image))
            while not is_time():
                await asyncio.sleep(0.01)
            await self._client.close()
            return await reading

        return self._runner.run_until_complete(both())

    def is_ready(self):
        return self._runner.run_until_complete(self._client.is_ready())

    def close(self):
        if not self._runner.is_closed():
            self._runner.run_until_complete(self._client.close())
            self._runner.run_until_complete(self._runner.shutdown_default_executor())
            self._runner.close()


@pytest.fixture(params=["grpc", "http"])
def protocol(request):
    return request.param


@pytest.fixture
def server(protocol):
    server = Server(protocol)
    yield server
    server.stop()


@pytest.fixture(params=[Blocking, Awaited], ids=["blocking", "awaited"])
def connect(request, server):
    """Makes clients of the server, blocking and asynchronous ones behind one face."""
    clients = []

    def connected(url=server.url, **settings):
        clients.append(request.param(url, **settings))
        return clients[-1]

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def model(server):
    return server.model


@pytest.fixture
def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def serve_at():
    """Starts a server at a chosen port, for one that comes up late."""
    servers = []

    def started(protocol, port):
        servers.append(Server(protocol, port))
        return servers[-1]

    yield started
    for server in servers:
        server.stop()
