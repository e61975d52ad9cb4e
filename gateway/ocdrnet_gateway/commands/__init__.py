"""The subcommands of `ocdrnet`."""
