"""Subcommands of `ocdrnet` that need only the client."""
