"""The core of carbonsched: what a run emits, where and when to place it, how to run it and account for it."""
