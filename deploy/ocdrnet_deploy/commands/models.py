"""`ocdrnet models`: the networks there are, their weights, and a served repository made from two of them."""

from __future__ import annotations

import click

from ocdrnet_deploy.commands.models_build import build
from ocdrnet_deploy.commands.models_download import download
from ocdrnet_deploy.commands.models_inspect import inspect
from ocdrnet_deploy.commands.models_list import list_networks
from ocdrnet_deploy.commands.models_verify import verify


@click.group()
def models() -> None:
    """List networks, and build the repository that `ocdrnet serve` loads."""


for command in (list_networks, inspect, download, build, verify):
    models.add_command(command)
