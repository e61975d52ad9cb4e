"""The command `ocdrnet`, and those of its subcommands that need only the client."""
