"""Running what was planned: the reconciling engine, the clusters it drives, and the agent beside the training."""
