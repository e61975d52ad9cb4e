"""The store that the settings name."""

from __future__ import annotations

from pathlib import Path

from ocdrnet_gateway.errors import SettingsError
from ocdrnet_gateway.settings import GatewaySettings
from ocdrnet_gateway.store.backend import Backend
from ocdrnet_gateway.store.folder import FolderBackend
from ocdrnet_gateway.store.object_store import Store

_S3 = "s3://"


def open_store(settings: GatewaySettings) -> Store:
    """A store that is used after its `start`.

    Raises:
        SettingsError: the setting `store` names neither a folder nor a bucket.
    """
    return Store(_backend(settings), settings.sweep_interval_s)


def _backend(settings: GatewaySettings) -> Backend:
    if settings.store.startswith(_S3):
        return _bucket(settings)
    if "://" in settings.store:
        raise SettingsError(f"store {settings.store!r} is neither a folder nor s3://bucket/prefix")
    return FolderBackend(Path(settings.store).expanduser(), settings.store_max_bytes)


def _bucket(settings: GatewaySettings) -> Backend:
    # Where a folder is used, the second that loading boto3 takes is saved.
    from ocdrnet_gateway.store.bucket import BucketBackend  # noqa: PLC0415

    bucket, _, prefix = settings.store.removeprefix(_S3).partition("/")
    if not bucket:
        raise SettingsError(f"store {settings.store!r} names no bucket; write s3://bucket/prefix")
    return BucketBackend(bucket, prefix.strip("/"), settings.store_endpoint)
