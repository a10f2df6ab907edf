"""Metrics, comparison and stripped brains."""
