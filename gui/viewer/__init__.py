"""Slice views, mask overlays and linked panes."""
