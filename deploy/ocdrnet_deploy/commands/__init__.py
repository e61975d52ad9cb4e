"""The subcommands of `ocdrnet` that this package adds; one click command object per file."""
