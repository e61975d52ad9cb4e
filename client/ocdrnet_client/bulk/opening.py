"""Which kind of source or output an argument names."""

from __future__ import annotations

import os
from pathlib import Path

from ocdrnet_client.bulk.local_source import local_source
from ocdrnet_client.bulk.remote_files import open_filesystem
from ocdrnet_client.bulk.remote_source import remote_source
from ocdrnet_client.bulk.sources import PictureSource, is_url
from ocdrnet_client.bulk.store import LocalStore, RemoteStore, Store


def open_source(argument: str) -> PictureSource:
    """The pictures that a command line names.

    Raises:
        BulkError: nothing is there, or it cannot be opened.
    """
    argument = _without_file_scheme(argument)
    return remote_source(argument) if is_url(argument) else local_source(argument)


def open_store(argument: str) -> Store:
    """The output that a command line names; it need not exist yet.

    Raises:
        BulkError: it cannot be opened.
    """
    argument = _without_file_scheme(argument)
    if not is_url(argument):
        return LocalStore(Path(os.path.abspath(argument)))
    return RemoteStore(argument.rstrip("/"), *open_filesystem(argument))


def _without_file_scheme(argument: str) -> str:
    return argument.removeprefix("file://")
