"""Capacity planning: how many replicas a load needs, from measured service times and a queueing simulation."""
