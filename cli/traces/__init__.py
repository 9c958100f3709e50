"""Traces of jobs from disk and from the store, whatever wrote them."""
