"""Assets, results and the state of slow requests: in a folder, or in an S3 bucket that several gateways share."""

from ocdrnet_gateway.store.backend import Label
from ocdrnet_gateway.store.object_store import Kind, Place, Store, parse_id, space_of
from ocdrnet_gateway.store.opening import open_store

__all__ = ["Kind", "Label", "Place", "Store", "open_store", "parse_id", "space_of"]
