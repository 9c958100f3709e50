"""Replays as commands ask for them: what of, who makes them, and what is told of them."""
