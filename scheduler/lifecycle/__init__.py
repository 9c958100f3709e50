"""The emission model: what running, holding and making hardware emits, and the published profiles it reproduces."""
