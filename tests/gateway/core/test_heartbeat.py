"""A gateway's sign of life: given while there is work, seen by others, and gone with the gateway."""

import asyncio

import pytest

from ocdrnet_gateway.core.heartbeat import Heartbeat
from ocdrnet_gateway.http_errors import UnavailableError
from ocdrnet_gateway.store import Store
from ocdrnet_gateway.store.folder import FolderBackend


@pytest.fixture
def store(tmp_path):
    backend = FolderBackend(tmp_path / "store", 10_000)
    backend.check()
    return Store(backend, 3600)


def signs(tmp_path):
    return {path: path.read_bytes() for path in (tmp_path / "store").rglob("*.json")}


async def two_signs(tmp_path):
    while not (first := signs(tmp_path)):
        await asyncio.sleep(0.01)
    while signs(tmp_path) == first:
        await asyncio.sleep(0.01)


def test_it_is_given_again_while_there_is_work_and_taken_back_at_the_end(store, tmp_path):
    async def run():
        own, other = Heartbeat(store, 1), Heartbeat(store, 1)
        own.give_while(lambda: [])
        work = []
        own.give_while(lambda: work)
        await own._give_if_needed()
        assert signs(tmp_path) == {}
        assert not await other.is_alive(own.id)
        work.append("a job")
        await own.start()
        await asyncio.wait_for(two_signs(tmp_path), 30)
        await own.close()
        assert signs(tmp_path) == {}

    asyncio.run(run())


def test_others_see_it_until_it_expires(store):
    async def run():
        own, brief, other = Heartbeat(store, 600), Heartbeat(store, 0.01), Heartbeat(store, 600)
        await own.give()
        await brief.give()
        assert await other.is_alive(own.id)
        while await other.is_alive(brief.id):
            await asyncio.sleep(0.01)
        assert await brief.is_alive(brief.id), "it runs, whatever the store has"
        assert not await other.is_alive("")

    asyncio.run(run())


def test_who_gives_it_a_second_time_waits_for_the_first(store, tmp_path, monkeypatch):
    async def run():
        own, announce, order = Heartbeat(store, 600), store.announce, []

        async def slow(*given):
            await asyncio.sleep(0.05)
            await announce(*given)
            order.append("written")

        monkeypatch.setattr(store, "announce", slow)

        async def give():
            await own.give()
            order.append("returned")

        await asyncio.gather(give(), give())
        assert order == ["written", "returned", "returned"]

    asyncio.run(run())


def test_what_was_not_written_is_given_the_next_time(store, tmp_path, monkeypatch):
    async def run():
        own = Heartbeat(store, 600)

        async def away(*_):
            raise UnavailableError("the store is away")

        with monkeypatch.context() as patched:
            patched.setattr(store, "announce", away)
            with pytest.raises(UnavailableError):
                await own.give()
        await own.give()
        assert len(signs(tmp_path)) == 1

    asyncio.run(run())
