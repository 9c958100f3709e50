"""What is remembered: the store of jobs and segments, append-only evidence, and the accounts made from it."""
