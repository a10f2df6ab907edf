"""The subcommands of the command line that train or predict."""
