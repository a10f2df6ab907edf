"""The list of scans."""
