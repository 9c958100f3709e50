"""Reports: what was planned, what was emitted, and what would have been, with every word weighed."""
