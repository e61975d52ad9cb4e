"""Assets, results and the state of slow requests: in a folder, or in an S3 bucket that several gateways share."""

from ocdrnet_gateway.store.labels import Label
from ocdrnet_gateway.store.object_store import Store
from ocdrnet_gateway.store.opening import open_store
from ocdrnet_gateway.store.places import Kind, Place, parse_id, space_of

__all__ = ["Kind", "Label", "Place", "Store", "open_store", "parse_id", "space_of"]
