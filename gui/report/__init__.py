"""The report of a run on paper."""
