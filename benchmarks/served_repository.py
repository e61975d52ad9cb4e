"""The served repository that a benchmark measures: a folder that is there, or one built for the run."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocdrnet_deploy.catalog.catalog import DEFAULT
from ocdrnet_deploy.repository.build import BuildOptions, build_repository
from ocdrnet_deploy.repository.profile import PROFILES
from ocdrnet_ops.recognition.charset import ALL


def add_repository_options(parser: argparse.ArgumentParser) -> None:
    """The options `--repository`, `--charset` and `--profile`."""
    parser.add_argument("--repository", type=Path, help="a served repository for the CPU; one is built where left out")
    parser.add_argument("--charset", default=ALL, help="cut the built repository's recognizer to these, e.g. latin")
    parser.add_argument("--profile", choices=PROFILES, default=PROFILES[0], help="of the built repository")


@contextmanager
def repository_of(arguments: argparse.Namespace) -> Iterator[Path]:
    """The folder that the arguments name, or a fresh one that is removed afterwards."""
    if arguments.repository:
        yield arguments.repository
        return
    with tempfile.TemporaryDirectory(prefix="ocdrnet-benchmark-") as folder:
        options = BuildOptions(charset=arguments.charset, profile=arguments.profile)
        build_repository(Path(folder), DEFAULT, DEFAULT, options)
        yield Path(folder)
