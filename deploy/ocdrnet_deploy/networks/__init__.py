"""A network from its name to a file that an engine loads."""
