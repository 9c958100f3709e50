"""Policies: rules that place a job, one thin module each, found by their entry points."""
