"""The import page: what was found, what to take, how far it is."""
