"""The version of the program and of the format it writes."""

VERSION = "0.1.0"
FORMAT = 1
"""Project format written; ``min_reader`` says which readers may open it."""
MIN_READER = 1
