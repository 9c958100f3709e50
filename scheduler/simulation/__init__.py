"""Replay of job traces on the planner's own problems, policies and emission model."""
