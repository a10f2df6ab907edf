"""Masks that go to other tools, and what comes from them."""
