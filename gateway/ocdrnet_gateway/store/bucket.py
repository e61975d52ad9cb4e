"""Objects in a bucket of Amazon S3, or of a server that speaks its protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.http_errors import TooLargeError, UnavailableError
from ocdrnet_gateway.store.backend import Label, Stored

_LOG = logging.getLogger(__name__)
_ABSENT = {"NoSuchKey", "404", "NotFound"}
# The header x-amz-meta-nvcf-asset-description, which callers of the hosted endpoint send.
_DESCRIPTION = "nvcf-asset-description"


class BucketBackend:
    """See `Backend`. Credentials and region come from the usual variables, files or the machine's role."""

    def __init__(self, bucket: str, prefix: str, endpoint: str | None) -> None:
        """Connect with the first call.

        Args:
            bucket: that exists.
            prefix: of all names; empty, or without slashes at its ends.
            endpoint: URL of a server other than AWS. Callers upload to it, so it must be one that they reach too.
        """
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._endpoint = endpoint
        self._client: Any = None
        self.max_bytes: int | None = None

    def check(self) -> None:
        """See `Backend.check`."""
        try:
            self._client = boto3.client("s3", endpoint_url=self._endpoint, config=_config(self._endpoint))
            self._client.head_bucket(Bucket=self._bucket)
        except (ClientError, BotoCoreError, ValueError) as error:
            raise SettingsError(f"store s3://{self._bucket} cannot be used: {error}") from None

    def write(self, name: str, data: bytes) -> None:
        """See `Backend.write`."""
        with _failures():
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data)

    def read(self, name: str, max_bytes: int | None = None) -> bytes | None:
        """See `Backend.read`."""
        with _failures():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise
            with answer["Body"] as body:
                size = int(answer["ContentLength"])
                if max_bytes is not None and size > max_bytes:
                    raise TooLargeError(f"the image has {size:,} bytes; the limit is {max_bytes:,}")
                return bytes(body.read())

    def write_file(self, name: str, path: Path) -> None:
        """See `Backend.write_file`."""
        with _failures():
            self._client.upload_file(str(path), self._bucket, self._prefix + name)

    def read_file(self, name: str, path: Path) -> bool:
        """See `Backend.read_file`."""
        with _failures():
            try:
                self._client.download_file(self._bucket, self._prefix + name, str(path))
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return False
                raise
        return True

    def exists(self, name: str) -> bool:
        """See `Backend.exists`."""
        with _failures():
            try:
                self._client.head_object(Bucket=self._bucket, Key=self._prefix + name)
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return False
                raise
        return True

    def remove(self, name: str) -> None:
        """See `Backend.remove`."""
        with _failures():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    def listing(self, prefix: str) -> Iterator[Stored]:
        """See `Backend.listing`."""
        with _failures():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for item in page.get("Contents", ()):
                    name = item["Key"].removeprefix(self._prefix)
                    yield Stored(name, item["LastModified"].timestamp(), item["Size"])

    def upload_url(self, name: str, label: Label, lifetime_s: float) -> str | None:
        """See `Backend.upload_url`; the content type and the description are part of the signature."""
        wanted = {"Bucket": self._bucket, "Key": self._prefix + name, "ContentType": label.content_type}
        metadata = {"Metadata": {_DESCRIPTION: label.description}} if label.description else {}
        with _failures():
            url: str = self._client.generate_presigned_url(
                "put_object", Params={**wanted, **metadata}, ExpiresIn=max(1, round(lifetime_s))
            )
        return url


def _config(endpoint: str | None) -> Config:
    return Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "max_attempts": 3},
        max_pool_connections=32,
        # Servers other than AWS seldom have a host name for each bucket, and some refuse newer checksums.
        s3={"addressing_style": "path" if endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _failures() -> Iterator[None]:
    """What S3 says of its own troubles names buckets and hosts; only its kind goes into the log, none to the caller."""
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        reason = _code(error) if isinstance(error, ClientError) else type(error).__name__
        _LOG.error("the store failed", extra={"reason": reason})
        raise UnavailableError("the store is away; try again in a moment", 2) from error
