"""Frozen values that every other room speaks in: units, instants, bases, series, jobs, clusters, placements."""
