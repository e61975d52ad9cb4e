"""Triton on this machine, without a container: the server that the pip package nvidia-pytriton carries."""

from ocdrnet_deploy.server.addresses import Addresses
from ocdrnet_deploy.server.triton import TritonServer

__all__ = ["Addresses", "TritonServer"]
