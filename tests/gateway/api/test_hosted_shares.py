"""Whose the store is: no caller fills it for others, what was fetched gives way first, and strangers see nothing."""

import asyncio
import time
import uuid

import httpx
import pytest
from hosted_flow import ASSETS, ask, bearer, create, fetched, inline, is_problem, make_key, poll, put, uploaded

from ocdrnet_gateway.core.keys import Principal
from ocdrnet_gateway.http_errors import StoreFullError
from ocdrnet_gateway.store import Label, Place, Store, space_of
from ocdrnet_gateway.store.backend import Label as Kept
from ocdrnet_gateway.store.folder import FolderBackend
from ocdrnet_gateway.store.object_store import place_of_name

ANN, BOB, EVE = space_of("ann"), space_of("bob"), space_of("eve")


def place(kind="result", space=ANN):
    return Place(kind, space, str(uuid.uuid4()))


def label(payer="", owner=""):
    return Label("image/png", time.time() + 100, owner=owner, payer=payer)


def new_store(tmp_path, total=10_000, share=None):
    backend = FolderBackend(tmp_path / "store", total)
    backend.check()
    return Store(backend, 3600, share)


async def filled(store, size, count, kind="result", space=ANN):
    places = [place(kind, space) for _ in range(count)]
    for where in places:
        await store.put(where, label(), b"x" * size)
    return places


async def there(store, places):
    return [await store.get(where) is not None for where in places]


class TestGivingWay:
    def test_fetched_results_go_first_and_oldest_first(self, tmp_path):
        async def run():
            store = new_store(tmp_path)
            first, second, third, fourth = await filled(store, 2000, 4)
            store.note_fetched(third)
            await asyncio.sleep(0.01)
            store.note_fetched(second)
            await store.put(place(), label(), b"x" * 2500)
            assert await there(store, [first, second, third, fourth]) == [True, True, False, True]
            await store.put(place(), label(), b"x" * 1000)
            assert await there(store, [first, second, fourth]) == [True, False, True]

        asyncio.run(run())

    def test_then_the_oldest_that_nobody_fetched(self, tmp_path):
        async def run():
            store = new_store(tmp_path)
            first, second, third = await filled(store, 3000, 3)
            await store.put(place(), label(), b"x" * 2000)
            assert await there(store, [first, second, third]) == [False, True, True]

        asyncio.run(run())

    def test_assets_never_do(self, tmp_path):
        async def run():
            store = new_store(tmp_path)
            assets = await filled(store, 3000, 3, "asset")
            with pytest.raises(StoreFullError, match="10,000"):
                await store.put(place(), label(), b"x" * 3000)
            assert await there(store, assets) == [True] * 3

        asyncio.run(run())

    def test_nothing_is_deleted_where_it_cannot_help(self, tmp_path):
        async def run():
            store = new_store(tmp_path)
            results = await filled(store, 2000, 2)
            with pytest.raises(StoreFullError):
                await store.put(place(), label(), b"x" * 11_000)
            assert await there(store, results) == [True] * 2

        asyncio.run(run())

    def test_the_state_of_its_job_goes_with_a_result(self, tmp_path):
        async def run():
            store = new_store(tmp_path)
            (result,) = await filled(store, 6000, 1)
            job = Place("job", result.space, result.id)
            await store.put(job, label(), b"{}")
            await store.put(place(), label(), b"x" * 6000)
            assert await there(store, [result, job]) == [False, False]

        asyncio.run(run())

    def test_what_a_gateway_before_this_one_left_gives_way_too(self, tmp_path):
        async def run():
            (old,) = await filled(new_store(tmp_path), 6000, 1)
            store = new_store(tmp_path)
            await store.put(place(), label(), b"x" * 6000)
            assert await there(store, [old]) == [False]

        asyncio.run(run())

    def test_what_was_fetched_is_known_after_a_sweep(self, tmp_path):
        async def run():
            store = new_store(tmp_path)
            first, second = await filled(store, 4000, 2)
            store.note_fetched(second)
            await store.sweep()
            await store.put(place(), label(), b"x" * 4000)
            assert await there(store, [first, second]) == [True, False]

        asyncio.run(run())


class TestShares:
    def test_a_caller_makes_room_among_its_own_results(self, tmp_path):
        async def run():
            store = new_store(tmp_path, share=5000)
            bobs = await filled(store, 2000, 2, space=BOB)
            anns = await filled(store, 2000, 3, space=ANN)
            assert await there(store, bobs) == [True] * 2
            assert await there(store, anns) == [False, True, True]

        asyncio.run(run())

    def test_its_own_assets_fill_its_share_and_nobody_elses(self, tmp_path):
        async def run():
            store = new_store(tmp_path, share=5000)
            await filled(store, 2000, 2, "asset", EVE)
            with pytest.raises(StoreFullError, match="5,000 bytes of the store's 10,000 bytes"):
                await store.put(place("asset", EVE), label(), b"x" * 2000)
            await filled(store, 2000, 2, "asset", BOB)

        asyncio.run(run())

    def test_a_deleted_asset_gives_its_part_back(self, tmp_path):
        async def run():
            store = new_store(tmp_path, share=5000)
            first, _ = await filled(store, 2000, 2, "asset")
            await store.delete(first)
            await filled(store, 2000, 1, "asset")

        asyncio.run(run())

    def test_a_second_upload_to_an_asset_counts_once(self, tmp_path):
        async def run():
            store = new_store(tmp_path, share=5000)
            (asset,) = await filled(store, 4000, 1, "asset")
            for size in (4500, 4000):
                await store.fill(asset, b"x" * size)

        asyncio.run(run())

    def test_in_one_space_the_payers_are_told_apart_also_by_the_next_gateway(self, tmp_path):
        async def run():
            for share_of in (new_store(tmp_path, share=5000), new_store(tmp_path, share=5000)):
                await share_of.sweep()
                for payer in ("p1", "p2"):
                    await share_of.put(place("asset"), label(payer), b"x" * 1900)
            with pytest.raises(StoreFullError):
                await share_of.put(place("asset"), label("p1"), b"x" * 1900)

        asyncio.run(run())


def test_labels_of_before_still_read():
    old = b'{"content_type": "image/png", "expires": 5.0, "description": "d"}'
    assert Kept.from_json(old) == Kept("image/png", 5.0, "d")
    assert Kept.from_json(b"[]") is None
    assert Kept.from_json(Kept("a", 1.0, "b", "c", "d").to_json()) == Kept("a", 1.0, "b", "c", "d")


@pytest.mark.parametrize("name", ["asset/x/y.json", "a.json", ".tmp", "asset", "other/" + ANN + "/x.bin", ""])
def test_only_the_stores_own_names_are_places(name):
    assert place_of_name(name) is None
    where = place()
    assert place_of_name(where.record) == place_of_name(where.content) == where


class TestThroughTheGateway:
    def test_a_caller_that_fetches_goes_on_for_ever(self, start_gateway, http, picture):
        url = start_gateway(store_max_bytes=12_000).url
        for _ in range(20):
            assert fetched(http, ask(http, url, inline(picture))).metadata

    def test_a_caller_that_never_fetches_loses_its_oldest(self, start_gateway, http, picture):
        url = start_gateway(store_max_bytes=12_000).url
        answers = [ask(http, url, inline(picture)) for _ in range(12)]
        assert {answer.status_code for answer in answers} == {302}
        got = [http.get(answer.headers["location"]) for answer in answers]
        assert is_problem(got[0], 404, "gave way")
        assert got[-1].status_code == 200
        request_id = answers[0].headers["nvcf-reqid"]
        assert is_problem(poll(http, url, request_id, seconds=1), 404)

    def test_one_keys_assets_do_not_fill_the_store_for_another(self, start_gateway, http, picture, tmp_path):
        path = tmp_path / "keys.json"
        ann, bob = make_key(path, "ann"), make_key(path, "bob")
        url = start_gateway(keys_file=path, store_max_bytes=20_000, store_caller_bytes=8_000).url
        statuses = set()
        for _ in range(8):
            body = {"contentType": "image/png", "description": ""}
            made = http.post(url + ASSETS, json=body, headers=bearer(ann))
            statuses.add(made.status_code)
            if made.status_code == 200:
                statuses.add(put(http, made.json(), b"x" * 2500).status_code)
        assert statuses == {200, 507}
        assert ask(http, url, uploaded(http, url, picture, bob), bob).status_code == 302


class TestStrangers:
    """Where no keys are needed."""

    @pytest.fixture
    def from_elsewhere(self):
        """Another machine, as loopback has many addresses."""
        with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(local_address="127.0.0.77")) as client:
            yield client

    def test_another_machine_sees_and_deletes_nothing(self, gateway, http, from_elsewhere, picture):
        asset = uploaded(http, gateway, picture)
        assert from_elsewhere.get(gateway + ASSETS).json() == {"assets": []}
        assert is_problem(from_elsewhere.get(f"{gateway}{ASSETS}/{asset}"), 404)
        assert is_problem(from_elsewhere.delete(f"{gateway}{ASSETS}/{asset}"), 404)
        assert [found["assetId"] for found in http.get(gateway + ASSETS).json()["assets"]] == [asset]
        assert http.delete(f"{gateway}{ASSETS}/{asset}").status_code == 204

    def test_another_token_sees_and_deletes_nothing(self, gateway, http, picture):
        asset = uploaded(http, gateway, picture, "one")
        for other in ("another", None):
            assert http.get(gateway + ASSETS, headers=bearer(other)).json() == {"assets": []}
            assert is_problem(http.delete(f"{gateway}{ASSETS}/{asset}", headers=bearer(other)), 404)
        assert http.get(f"{gateway}{ASSETS}/{asset}", headers=bearer("one")).status_code == 200

    def test_who_was_told_the_id_may_have_it_read(self, gateway, http, from_elsewhere, picture):
        asset = uploaded(http, gateway, picture, "one")
        assert ask(from_elsewhere, gateway, asset).status_code == 302

    def test_one_machine_does_not_fill_the_store_for_another(self, start_gateway, http, from_elsewhere, picture):
        url = start_gateway(store_max_bytes=20_000).url
        for token in ("a", "b", "c"):
            put(http, create(http, url, token), b"x" * 3000)
        # Another token is no other machine.
        assert is_problem(put(http, create(http, url, "d"), b"x" * 3000), 507)
        assert ask(from_elsewhere, url, uploaded(from_elsewhere, url, picture)).status_code == 302

    def test_a_network_of_the_internet_6_is_one_machine(self):
        someone = Principal("anonymous")
        one, two = (someone.from_address(host, "t") for host in ("2001:db8::1", "2001:db8::ffff:2"))
        assert one == two
        assert someone.from_address("2001:db8:0:1::1", "t").payer != one.payer
        assert someone.from_address("10.0.0.1", "t").payer != someone.from_address("10.0.0.2", "t").payer

    def test_no_address_is_kept(self, gateway, http, picture, tmp_path):
        uploaded(http, gateway, picture, "secret-token")
        kept = b"".join(path.read_bytes() for path in (tmp_path / "store").rglob("*.json"))
        assert b"127.0.0.1" not in kept
        assert b"secret-token" not in kept
