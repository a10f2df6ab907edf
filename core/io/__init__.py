"""Readers that turn files from outside into volumes, and the one way to write files."""
