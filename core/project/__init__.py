"""The project folder on disk: index, masks, journal, lock, audit."""
