"""The planner: where and when a job runs, what that emits beside its baseline, and why nothing else was chosen."""
