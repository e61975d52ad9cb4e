"""Files behind URLs, by fsspec; the one place that knows its errors."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ocdrnet_client.bulk.errors import BulkError
from ocdrnet_client.errors import InvalidRequestError


def open_filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises:
        BulkError: the scheme is unknown, or what it needs is not installed.
    """
    try:
        import fsspec  # noqa: PLC0415 -- an extra, and slow to import

        filesystem, path = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise BulkError(f"{url} needs more packages ({error}): pip install 'ocdrnet[bulk]'") from error
    except (OSError, ValueError, TypeError) as error:
        raise BulkError(f"{url} cannot be opened: {error}") from error
    return filesystem, str(path).rstrip("/")


@lru_cache(maxsize=64)
def _filesystem_of(start: str) -> Any:  # noqa: ANN401 -- fsspec has no types
    return open_filesystem(start)[0]


def read_url(url: str) -> bytes:
    """A picture's bytes.

    Raises:
        InvalidRequestError: it cannot be read.
    """
    scheme, _, rest = url.partition("://")
    try:
        return read_remote(_filesystem_of(f"{scheme}://{rest.partition('/')[0]}/"), url)
    except BulkError as error:
        raise InvalidRequestError(str(error)) from error


def read_remote(filesystem: Any, path: str) -> bytes:  # noqa: ANN401
    """The bytes of one object.

    Raises:
        InvalidRequestError: it cannot be read, or is empty.
    """
    try:
        data = bytes(filesystem.cat_file(path))
    # Each file system has an exception tree of its own, botocore's among them.
    except Exception as error:
        raise InvalidRequestError(f"cannot read {path}: {error}") from error
    if not data:
        raise InvalidRequestError("the image is empty (0 bytes)")
    return data
