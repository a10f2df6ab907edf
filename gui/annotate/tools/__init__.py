"""Tools of Annotate: what the left mouse button does on a scan."""
