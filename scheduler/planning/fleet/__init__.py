"""Many jobs on shared whole nodes, placed together, with a proof of how far from the best that is."""
