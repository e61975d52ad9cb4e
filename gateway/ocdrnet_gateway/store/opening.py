"""The store that the settings name."""

from __future__ import annotations

from pathlib import Path

from ocdrnet_deploy.machine.cache import cache_folder
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
    return Store(open_backend(settings), settings.sweep_interval_s, _caller_bytes(settings))


def open_backend(settings: GatewaySettings) -> Backend:
    """What keeps the bytes; its `check` tells whether it can be used.

    Raises:
        SettingsError: see `open_store`.
    """
    if settings.store is None:
        return FolderBackend(cache_folder() / "gateway", settings.store_max_bytes)
    if settings.store.startswith(_S3):
        return _bucket(settings, settings.store)
    if "://" in settings.store:
        raise SettingsError(f"store {settings.store!r} is neither a folder nor s3://bucket/prefix")
    try:
        folder = Path(settings.store).expanduser()
    except RuntimeError:
        raise SettingsError(f"store {settings.store!r} needs a home, and this user has none; name a folder") from None
    return FolderBackend(folder, settings.store_max_bytes)


def _caller_bytes(settings: GatewaySettings) -> int | None:
    is_bucket = (settings.store or "").startswith(_S3)
    return settings.store_caller_bytes or (None if is_bucket else settings.store_max_bytes // 2)


def _bucket(settings: GatewaySettings, store: str) -> Backend:
    # Where a folder is used, the second that loading boto3 takes is saved.
    from ocdrnet_gateway.store.bucket import BucketBackend  # noqa: PLC0415

    bucket, _, prefix = store.removeprefix(_S3).partition("/")
    if not bucket:
        raise SettingsError(f"store {store!r} names no bucket; write s3://bucket/prefix")
    return BucketBackend(bucket, prefix.strip("/"), settings.store_endpoint)
