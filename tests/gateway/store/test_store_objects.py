"""The same promises of a store in a folder and in a bucket."""

import asyncio
import os
import time
import uuid

import boto3
import pytest
from hosted_s3_server import new_bucket, s3_client, s3_server

from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.http_errors import StoreFullError, TooLargeError, UnavailableError
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store import Label, Place, Store, open_store, parse_id, space_of
from ocdrnet_gateway.store.bucket import BucketBackend
from ocdrnet_gateway.store.folder import FolderBackend
from ocdrnet_gateway.store.object_store import parse_space

ANN, BOB = space_of("ann"), space_of("bob")


@pytest.fixture(scope="module")
def s3():
    with s3_server() as url:
        yield url


@pytest.fixture(params=["folder", "bucket", "bucket-root"])
def backend(request, tmp_path):
    if request.param == "folder":
        made = FolderBackend(tmp_path / "store", 10_000)
    else:
        url = request.getfixturevalue("s3")
        made = BucketBackend(new_bucket(url), "" if request.param == "bucket-root" else "a/b", url)
    made.check()
    return made


@pytest.fixture
def store(backend):
    return Store(backend, 3600)


def place(kind="asset", space=ANN):
    return Place(kind, space, str(uuid.uuid4()))


def label(seconds=100.0, description="a photo"):
    return Label("image/png", time.time() + seconds, description)


def names(backend):
    return sorted(stored.name for stored in backend.listing(""))


def test_what_is_put_is_got(store):
    where, said = place(), label()
    asyncio.run(store.put(where, said, b"abc"))
    assert asyncio.run(store.get(where)) == b"abc"
    assert asyncio.run(store.label(where)) == said
    assert asyncio.run(store.has_content(where))


def test_what_was_never_put_is_not_there(store):
    assert asyncio.run(store.get(place())) is None
    assert asyncio.run(store.label(place())) is None
    assert not asyncio.run(store.has_content(place()))
    assert not asyncio.run(store.delete(place()))


def test_bytes_are_replaced(store):
    where = place()
    for content in (b"first", b"second"):
        asyncio.run(store.put(where, label(), content))
    assert asyncio.run(store.get(where)) == b"second"


def test_an_announced_object_has_no_bytes_until_they_come(store):
    where = place()
    asyncio.run(store.announce(where, label()))
    assert asyncio.run(store.label(where)) is not None
    assert not asyncio.run(store.has_content(where))
    assert asyncio.run(store.get(where)) is None
    asyncio.run(store.fill(where, b"late"))
    assert asyncio.run(store.get(where)) == b"late"


def test_bytes_without_a_label_are_found_by_nobody(store):
    where = place()
    asyncio.run(store.fill(where, b"late"))
    assert asyncio.run(store.get(where)) is None
    assert not asyncio.run(store.has_content(where))


def test_another_owner_kind_or_id_finds_nothing(store):
    where = place()
    asyncio.run(store.put(where, label(), b"abc"))
    for other in (Place("asset", BOB, where.id), Place("result", ANN, where.id), place()):
        assert asyncio.run(store.get(other)) is None
        assert not asyncio.run(store.delete(other))
    assert asyncio.run(store.get(where)) == b"abc"


def test_a_list_holds_the_owners_own_of_that_kind(store):
    mine, unfilled, others, job = place(), place(), place(space=BOB), place("job")
    for where in (mine, others, job):
        asyncio.run(store.put(where, label(), b"abc"))
    asyncio.run(store.announce(unfilled, label(description="later")))
    found = dict(asyncio.run(store.list_labels("asset", ANN)))
    assert set(found) == {mine.id, unfilled.id}
    assert found[unfilled.id].description == "later"


def test_deleted_is_gone_at_once_and_wholly(store, backend):
    where = place()
    asyncio.run(store.put(where, label(), b"abc"))
    assert asyncio.run(store.delete(where))
    assert asyncio.run(store.get(where)) is None
    assert names(backend) == []


def test_expired_is_gone_before_any_sweep(store):
    where = place()
    asyncio.run(store.put(where, label(-1), b"abc"))
    assert asyncio.run(store.get(where)) is None
    assert asyncio.run(store.label(where)) is None
    assert not asyncio.run(store.has_content(where))
    assert asyncio.run(store.list_labels("asset", ANN)) == []
    assert not asyncio.run(store.delete(where))


def test_a_sweep_deletes_what_has_expired_and_nothing_else(store, backend):
    over, alive, fresh = place(), place(), place()
    asyncio.run(store.put(over, label(-1), b"abc"))
    asyncio.run(store.put(alive, label(), b"abc"))
    asyncio.run(store.fill(fresh, b"its label is being written"))
    assert asyncio.run(store.sweep()) == 1
    assert names(backend) == sorted([alive.record, alive.content, fresh.content])


def test_what_expires_between_two_sweeps_is_deleted_by_the_second(store, backend):
    where = place()
    asyncio.run(store.put(where, label(0.8), b"abc"))
    assert asyncio.run(store.sweep()) == 0
    time.sleep(0.9)
    assert asyncio.run(store.sweep()) == 1
    assert names(backend) == []


def test_a_label_that_cannot_be_read_is_swept_with_its_bytes(store, backend):
    where = place()
    asyncio.run(store.put(where, label(), b"abc"))
    backend.write(where.record, b"{nonsense")
    assert asyncio.run(store.label(where)) is None
    assert asyncio.run(store.sweep()) == 1
    assert names(backend) == []


def test_too_many_bytes_are_not_read(store):
    where = place()
    asyncio.run(store.put(where, label(), b"x" * 100))
    assert asyncio.run(store.get(where, 100)) == b"x" * 100
    with pytest.raises(TooLargeError, match="100 bytes; the limit is 99"):
        asyncio.run(store.get(where, 99))


def test_a_running_store_sweeps_by_itself(backend):
    async def run():
        store = Store(backend, 0.05)
        await store.put(place(), label(0.3), b"abc")
        await store.start()
        for _ in range(400):
            await asyncio.sleep(0.02)
            if not names(backend):
                break
        await store.close()

    asyncio.run(run())
    assert names(backend) == []


def test_the_sweeping_outlives_a_failure(tmp_path):
    backend = FolderBackend(tmp_path / "store", 10_000)
    failures = []

    def listing(prefix):
        failures.append(prefix)
        raise (UnavailableError("away") if len(failures) == 1 else RuntimeError("odd"))

    async def run():
        store = Store(backend, 0.01)
        await store.start()
        backend.listing = listing
        while len(failures) < 3:
            await asyncio.sleep(0.01)
        del backend.listing
        await store.put(place(), label(-1), b"abc")
        while names(backend):
            await asyncio.sleep(0.01)
        await store.close()

    asyncio.run(asyncio.wait_for(run(), 20))


@pytest.mark.parametrize(
    "text",
    [
        "../../etc/passwd",
        "..",
        "",
        "%2e%2e",
        "a" * 36,
        "00000000-0000-0000-0000-00000000000/",
        "00000000-0000-0000-0000-000000000000\n",
        "00000000-0000-0000-0000-000000000000/../x",
        "{00000000-0000-0000-0000-000000000000}",
        "urn:uuid:00000000-0000-0000-0000-000000000000",
        "00000000000000000000000000000000",
        "０0000000-0000-0000-0000-000000000000",
    ],
)
def test_what_is_no_uuid_becomes_no_name(text):
    assert parse_id(text) is None
    assert parse_space(text) is None or text == "0" * 32
    with pytest.raises(ValueError, match="UUID"):
        Place("asset", ANN, text)
    if text != "0" * 32:
        with pytest.raises(ValueError, match="space"):
            Place("asset", text, str(uuid.uuid4()))


def test_an_id_has_one_spelling():
    one = str(uuid.uuid4())
    assert parse_id(one.upper()) == one


def test_a_space_tells_nothing_of_its_owner():
    assert parse_space(space_of("../../ann")) == space_of("../../ann") != ANN
    assert "ann" not in ANN


@pytest.mark.parametrize("wrong", ["ftp://host/x", "https://bucket", "s3://", "s3:///prefix"])
def test_a_store_that_is_neither_folder_nor_bucket_is_refused(wrong):
    with pytest.raises(SettingsError, match="store"):
        open_store(GatewaySettings(store=wrong))


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path):
    (tmp_path / "file").write_text("x")
    store = open_store(GatewaySettings(store=str(tmp_path / "file" / "store")))
    with pytest.raises(SettingsError, match="cannot be written"):
        asyncio.run(store.start())


def test_a_bucket_that_is_not_there_is_refused_in_words(s3):
    store = open_store(GatewaySettings(store="s3://no-such-bucket-here/p", store_endpoint=s3))
    with pytest.raises(SettingsError, match="s3://no-such-bucket-here cannot be used"):
        asyncio.run(store.start())


class TestFolder:
    @pytest.fixture
    def folder(self, tmp_path):
        made = FolderBackend(tmp_path / "store", 1000)
        made.check()
        return made

    def test_the_quota_is_exact_and_a_replacement_counts_once(self, folder):
        folder.write("asset/x/1.bin", b"x" * 600)
        folder.write("asset/x/1.bin", b"x" * 1000)
        with pytest.raises(StoreFullError, match="1,000 bytes are its limit"):
            folder.write("asset/x/2.bin", b"x")
        folder.write("asset/x/1.bin", b"x" * 999)
        folder.write("asset/x/2.bin", b"x")

    def test_a_removal_gives_room_once(self, folder):
        folder.write("asset/x/1.bin", b"x" * 1000)
        folder.remove("asset/x/1.bin")
        folder.remove("asset/x/1.bin")
        folder.write("asset/x/2.bin", b"x" * 1000)
        with pytest.raises(StoreFullError):
            folder.write("asset/x/3.bin", b"x")

    def test_what_lies_there_at_the_start_counts(self, folder, tmp_path):
        folder.write("asset/x/1.bin", b"x" * 600)
        again = FolderBackend(tmp_path / "store", 1000)
        again.check()
        with pytest.raises(StoreFullError):
            again.write("asset/x/2.bin", b"x" * 401)

    def test_a_write_that_fails_takes_no_room_and_leaves_nothing(self, folder, tmp_path, monkeypatch):
        def fail(*_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("ocdrnet_gateway.store.folder.os.replace", fail)
            with pytest.raises(StoreFullError, match="disk is full"):
                folder.write("asset/x/1.bin", b"x" * 1000)
        assert names(folder) == []
        folder.write("asset/x/1.bin", b"x" * 1000)

    def test_a_folder_that_fails_is_unavailable_and_the_log_says_why(self, folder, tmp_path, caplog):
        (tmp_path / "store" / "asset").write_text("in the way")
        for call, word in (
            (lambda: folder.write("asset/x/1.bin", b"x"), "written"),
            (lambda: folder.remove("asset/x/1.bin"), "written"),
            (lambda: folder.read("asset/x"), "read"),
        ):
            with pytest.raises(UnavailableError, match=word) as caught:
                call()
            assert "asset/x" not in str(caught.value.detail)
        assert {record.reason for record in caplog.records} == {"Not a directory"}

    def test_a_full_store_takes_what_an_expired_object_leaves(self, tmp_path):
        backend = FolderBackend(tmp_path / "store", 1000)
        backend.check()
        store = Store(backend, 3600)
        asyncio.run(store.put(place(), label(-1), b"x" * 600))
        where = place()
        asyncio.run(store.put(where, label(), b"x" * 600))
        assert asyncio.run(store.get(where)) == b"x" * 600
        with pytest.raises(StoreFullError):
            asyncio.run(store.fill(place(), b"x" * 600))

    def test_files_are_the_gateways_alone(self, folder, tmp_path):
        folder.write("asset/x/1.bin", b"x")
        assert (tmp_path / "store" / "asset/x/1.bin").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700

    def test_no_reader_ever_sees_a_mixture(self, folder):
        contents = {bytes([value]) * 400 for value in b"ab"}
        folder.write("n.bin", b"a" * 400)

        async def run():
            async def write():
                for content in [*contents] * 50:
                    await asyncio.to_thread(folder.write, "n.bin", content)

            writing = asyncio.create_task(write())
            seen = set()
            while not writing.done():
                seen.add(await asyncio.to_thread(folder.read, "n.bin"))
            return seen

        assert asyncio.run(run()) <= contents

    def test_what_a_crash_left_is_swept_after_an_hour(self, folder, tmp_path):
        left = tmp_path / "store" / "asset" / "x" / ".abc.tmp"
        left.parent.mkdir(parents=True)
        for age, remains in ((0, True), (3500, True), (3700, False)):
            left.write_bytes(b"x")
            then = time.time() - age
            os.utime(left, (then, then))
            asyncio.run(Store(folder, 3600).sweep())
            assert left.exists() == remains

    def test_callers_write_through_the_gateway(self, folder):
        assert folder.upload_url("n.bin", label(), 60) is None


class TestBucket:
    @pytest.fixture
    def bucket(self, s3):
        made = BucketBackend(new_bucket(s3), "p", s3)
        made.check()
        return made

    def test_two_stores_on_one_bucket_share_everything(self, s3):
        name, where = new_bucket(s3), place()
        one, two = (Store(BucketBackend(name, "p", s3), 3600) for _ in range(2))

        async def run():
            await one.start()
            await two.start()
            await one.put(where, label(), b"abc")
            assert await two.get(where) == b"abc"
            assert await two.delete(where)
            assert await one.get(where) is None
            await one.close()
            await two.close()

        asyncio.run(run())

    def test_a_prefix_is_kept_apart_from_its_neighbours(self, s3):
        name = new_bucket(s3)
        client = s3_client(s3)
        client.put_object(Bucket=name, Key="pq/asset/x.bin", Body=b"not ours")
        backend = BucketBackend(name, "p", s3)
        backend.check()
        where = place()
        asyncio.run(Store(backend, 3600).put(where, label(), b"abc"))
        keys = [item["Key"] for item in client.list_objects_v2(Bucket=name)["Contents"]]
        assert sorted(keys) == sorted(["pq/asset/x.bin", f"p/{where.record}", f"p/{where.content}"])
        assert names(backend) == sorted([where.record, where.content])

    def test_more_than_a_page_is_listed(self, bucket, s3, monkeypatch):
        for index in range(5):
            bucket.write(f"asset/x/{index}.bin", b"x")
        kept = bucket._client.get_paginator("list_objects_v2")

        class Small:
            def paginate(self, **arguments):
                return kept.paginate(**arguments, PaginationConfig={"PageSize": 2})

        monkeypatch.setattr(bucket._client, "get_paginator", lambda _: Small())
        assert len(names(bucket)) == 5

    def test_a_server_that_is_away_is_unavailable(self, bucket, monkeypatch):
        away = boto3.client(
            "s3", endpoint_url="http://127.0.0.1:9", config=boto3.session.Config(retries={"total_max_attempts": 1})
        )
        monkeypatch.setattr(bucket, "_client", away)
        for call in (
            lambda: bucket.read("n"),
            lambda: bucket.exists("n"),
            lambda: bucket.write("n", b"x"),
            lambda: bucket.remove("n"),
            lambda: list(bucket.listing("")),
        ):
            with pytest.raises(UnavailableError, match="the store is away"):
                call()

    def test_the_upload_url_signs_type_and_description(self, bucket):
        url = bucket.upload_url("asset/n.bin", label(description="red cat"), 60)
        assert "X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-meta-nvcf-asset-description&" in url
        assert "X-Amz-Expires=60&" in url
        assert "/p/asset/n.bin?" in url


def test_files_are_kept_as_bytes_are(store, backend, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(b"abc" * 1000)
    where = place("result")
    asyncio.run(store.put_file(where, label(), source))
    assert asyncio.run(store.get(where)) == b"abc" * 1000
    assert asyncio.run(store.get_file(where, target))
    assert target.read_bytes() == b"abc" * 1000
    absent, expired = place("result"), place("result")
    asyncio.run(store.put_file(expired, label(-1), source))
    for each in (absent, expired):
        assert not asyncio.run(store.get_file(each, tmp_path / "none"))
        assert not (tmp_path / "none").exists()
    assert not backend.read_file(absent.content, tmp_path / "none")


def test_a_file_finds_no_room_as_bytes_do(tmp_path):
    backend = FolderBackend(tmp_path / "store", 1000)
    backend.check()
    (tmp_path / "source").write_bytes(b"x" * 1001)
    with pytest.raises(StoreFullError):
        asyncio.run(Store(backend, 3600).put_file(place("result"), label(), tmp_path / "source"))
    assert names(backend) == []


def test_objects_of_a_kind_are_listed_in_every_space(store):
    here, there = place("progress"), place("progress", BOB)
    for each in (here, there, place("result")):
        asyncio.run(store.put(each, label(), b"x"))
    asyncio.run(store.announce(place("progress"), label()))
    assert set(asyncio.run(store.list_places("progress"))) == {here, there}
