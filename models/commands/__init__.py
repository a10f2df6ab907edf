"""The subcommands of the command line that train or predict."""

from models.torchpack import enable

enable()  # before a command imports what needs torch; nothing happens in a checkout
