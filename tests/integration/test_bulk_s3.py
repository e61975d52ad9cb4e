"""`ocdrnet bulk` from and to an S3-compatible store on loopback."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from bulk_kills import QUICK, draw_words

boto3 = pytest.importorskip("boto3")
pytest.importorskip("s3fs")
pytest.importorskip("moto")
COUNT = 12


@pytest.fixture(scope="module")
def endpoint():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = Path(sys.executable).with_name("moto_server")
    process = subprocess.Popen([command, "-H", "127.0.0.1", "-p", str(port)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            urlopen(url).close()
            break
        except URLError:
            time.sleep(0.1)
    yield url
    process.kill()
    process.wait()


@pytest.fixture
def environment(endpoint, tmp_path):
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    return os.environ | keys | {"AWS_ENDPOINT_URL": endpoint, "TMPDIR": str(tmp_path)}


@pytest.fixture
def store(endpoint):
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket="pictures")
    yield client
    for item in client.list_objects_v2(Bucket="pictures").get("Contents", ()):
        client.delete_object(Bucket="pictures", Key=item["Key"])
    client.delete_bucket(Bucket="pictures")


def keys(store, prefix):
    return [item["Key"] for item in store.list_objects_v2(Bucket="pictures", Prefix=prefix).get("Contents", ())]


def lines(store, prefix):
    bodies = (store.get_object(Bucket="pictures", Key=key)["Body"].read() for key in keys(store, prefix))
    return [json.loads(line) for body in bodies for line in body.splitlines()]


@pytest.mark.full
def test_from_bucket_to_bucket_in_shards(served, store, environment, tmp_path):
    draw_words(tmp_path / "drawn", COUNT)
    for path in sorted((tmp_path / "drawn").rglob("*.png")):
        store.upload_file(str(path), "pictures", f"in/{path.name}")
    store.put_object(Bucket="pictures", Key="in/bad.png", Body=b"bad")
    store.put_object(Bucket="pictures", Key="in/notes.txt", Body=b"no picture")
    store.put_object(Bucket="pictures", Key="inside.png", Body=b"beside the folder")

    def bulk(*arguments, source="s3://pictures/in/", output="s3://pictures/out"):
        command = [Path(sys.executable).with_name("ocdrnet"), "bulk", source, "--output", output]
        url = ("--url", served.addresses.grpc_url)
        run = subprocess.run(
            [*command, *url, *QUICK, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in run.stderr
        return run

    waits = bulk("--shards", 2, "--shard", 1, "--patience", 0)
    assert waits.returncode == 2
    assert "shard 0 has not listed the images" in waits.stderr
    assert bulk("--shards", 2, "--shard", 0).returncode == 0
    last = bulk("--shards", 2, "--shard", 1)
    assert last.returncode == 1, last.stderr
    results = lines(store, "out/results/")
    assert [page["image"] for page in results] == [f"{index:05}.png" for index in range(COUNT)]
    assert all(page["lines"] for page in results)
    assert [line["image"] for line in lines(store, "out/failures/")] == ["bad.png"]
    assert not [key for key in keys(store, "out/") if "tmp" in key or "journal" in key]

    store.upload_file(str(tmp_path / "drawn/0/00000.png"), "pictures", "in/bad.png")
    again = bulk("--retry-failed")
    assert again.returncode == 0, again.stderr
    assert "1 of them now" in again.stdout
    assert len(lines(store, "out/results/")) == COUNT + 1

    # Journals and copies of objects do not pile up.
    (work,) = tmp_path.glob("ocdrnet-bulk-*")
    assert {path.suffix for path in work.iterdir()} == {".lock"}

    globbed = bulk(source="s3://pictures/in/0000[12].png", output=str(tmp_path / "local"))
    assert globbed.returncode == 0, globbed.stderr
    local = (tmp_path / "local/results/part-00000-of-00001.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in local] == [page for page in results if page["image"][4] in "12"][:2]

    store.put_object(Bucket="pictures", Key="list.txt", Body=b"in/00003.png\ns3://pictures/in/00004.png\nin/none.png\n")
    named = bulk("--restart", source="s3://pictures/list.txt")
    assert named.returncode == 1, named.stderr
    found = [page["image"] for page in lines(store, "out/results/")]
    assert found == ["in/00003.png", "s3://pictures/in/00004.png"]
    assert "1 failed" in named.stdout

    nowhere = bulk(output="s3://missing-bucket/out")
    assert nowhere.returncode == 2
    assert "missing-bucket" in nowhere.stderr
