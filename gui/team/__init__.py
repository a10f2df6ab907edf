"""What several people need to read one set of scans: comments, who reads, hand-over, timeline."""
