"""Two gateways on one S3 bucket: what goes in through one comes out through the other."""

import uuid
from urllib.parse import urlsplit

import pytest
from gateway_reader import StandInReader
from hosted_flow import ASSETS, STATUS, ask, bearer, create, fetched, inline, is_problem, make_key, poll, put, uploaded
from hosted_s3_server import new_bucket, s3_client

FAST = {"NVCF-POLL-SECONDS": "1"}


@pytest.fixture
def bucket(s3):
    return new_bucket(s3)


@pytest.fixture
def start(start_gateway, s3, bucket):
    def started(**settings):
        shared = {"store": f"s3://{bucket}/gateway", "store_endpoint": s3, "secret": "a secret of both"}
        return start_gateway(**{"reader": StandInReader(), **shared, **settings})

    return started


@pytest.fixture
def replicas(start):
    return [start().url for _ in range(2)]


def test_an_asset_uploaded_through_one_is_read_through_the_other(replicas, http, picture):
    one, two = replicas
    asset = create(http, one)
    assert put(http, asset, picture).status_code == 200
    assert http.get(f"{two}{ASSETS}/{asset['assetId']}").json()["asset"]["description"] == "Input Image"
    answer = ask(http, two, asset["assetId"])
    assert fetched(http, answer).metadata[0]["label"] == "Grüße 你好"
    elsewhere = http.get(answer.headers["location"].replace(two, one))
    assert (elsewhere.status_code, elsewhere.headers["content-type"]) == (200, "application/zip")
    assert http.delete(f"{two}{ASSETS}/{asset['assetId']}").status_code == 204
    assert is_problem(ask(http, one, asset["assetId"]), 404)


def test_the_image_goes_straight_to_the_bucket(replicas, http, picture, s3, bucket):
    asset = create(http, replicas[0])
    assert asset["uploadUrl"].startswith(f"{s3}/{bucket}/gateway/asset/")
    query = urlsplit(asset["uploadUrl"]).query
    assert "X-Amz-SignedHeaders=content-type%3Bhost%3Bx-amz-meta-nvcf-asset-description&" in query
    assert put(http, asset, picture).status_code == 200
    (key,) = [key for key in keys_of(s3, bucket) if key.endswith(".bin")]
    head = s3_client(s3).head_object(Bucket=bucket, Key=key)
    assert (head["ContentType"], head["Metadata"]) == ("image/png", {"nvcf-asset-description": "Input Image"})


def test_another_keys_asset_is_not_found_through_either(start, http, picture, tmp_path):
    path = tmp_path / "keys.json"
    ann, bob = make_key(path, "ann"), make_key(path, "bob")
    one, two = (start(keys_file=path).url for _ in range(2))
    asset = uploaded(http, one, picture, ann)
    for url in (one, two):
        assert is_problem(ask(http, url, asset, bob), 404)
        assert is_problem(http.delete(f"{url}{ASSETS}/{asset}", headers=bearer(bob)), 404)
    assert ask(http, two, asset, ann).status_code == 302


def test_what_the_bucket_took_beyond_the_limit_is_refused_when_it_is_read(start, http):
    url = start(max_upload_bytes=2000).url
    asset = create(http, url)
    assert put(http, asset, b"x" * 2001).status_code == 200
    assert is_problem(ask(http, url, asset["assetId"]), 413, "2,001 bytes; the limit is 2,000")


def test_a_poll_may_reach_either(start, http, picture):
    slow = StandInReader()
    slow.seconds = 2.5
    one, two = start(reader=slow).url, start().url
    request_id = ask(http, one, inline(picture), headers=FAST).headers["nvcf-reqid"]
    assert poll(http, two, request_id, seconds=1).status_code == 202
    assert fetched(http, poll(http, two, request_id)).metadata
    assert fetched(http, poll(http, one, request_id)).metadata
    assert len(slow.calls) == 1


def test_a_job_whose_gateway_lives_and_lost_its_end_is_taken_over(start, http, picture, monkeypatch):
    monkeypatch.setattr("ocdrnet_gateway.api.hosted.jobs._GRACE_S", 0.5)
    server = start(reader=(slow := StandInReader()), deadline_s=3)
    slow.seconds = 60
    request_id = ask(http, server.url, inline(picture), headers=FAST).headers["nvcf-reqid"]
    monkeypatch.setattr(server._server.config.app.state.services.store, "put", None)
    other = start(reader=(fast := StandInReader()), job_lease_s=600)
    assert poll(http, other.url, request_id, seconds=1).status_code == 202
    assert fast.calls == []
    assert fetched(http, poll(http, other.url, request_id)).metadata


def test_everything_leaves_the_bucket_at_its_end(start, http, picture, s3, bucket, until):
    url = start(asset_lifetime_s=1.2, result_lifetime_s=1.2, sweep_interval_s=0.2).url
    assert ask(http, url, uploaded(http, url, picture)).status_code == 302
    assert len(keys_of(s3, bucket)) == 4
    until(lambda: keys_of(s3, bucket) == [])


def test_a_bucket_that_is_away_is_503(start, http, picture, monkeypatch):
    server = start()
    backend = server._server.config.app.state.services.store._backend
    monkeypatch.setattr(backend, "_bucket", "gone-bucket")
    answer = http.get(server.url + ASSETS)
    assert is_problem(answer, 503, "the store is away")
    assert "gone-bucket" not in answer.text
    assert is_problem(ask(http, server.url, inline(picture)), 503)
    assert is_problem(http.get(f"{server.url}{STATUS}/{uuid.uuid4()}"), 503)


def keys_of(s3, bucket):
    return [item["Key"] for item in s3_client(s3).list_objects_v2(Bucket=bucket).get("Contents", [])]
