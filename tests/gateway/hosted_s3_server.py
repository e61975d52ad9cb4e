"""A server that speaks S3 on loopback, in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from unittest.mock import patch

import boto3
import httpx

# The stand-in takes any credentials; without some, boto3 would look for a role of the machine.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def s3_server():
    """Yields its url; credentials are in the environment meanwhile."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with patch.dict(os.environ, {**CREDENTIALS, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(url, process)
            yield url
        finally:
            process.terminate()
            process.wait()


def wait_for(url, process):
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the S3 server did not start")


def s3_client(url):
    return boto3.client("s3", endpoint_url=url)


def new_bucket(url):
    """The name of a new, empty bucket."""
    name = f"b-{uuid.uuid4()}"
    s3_client(url).create_bucket(Bucket=name)
    return name
