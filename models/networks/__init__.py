"""The networks on offer."""
