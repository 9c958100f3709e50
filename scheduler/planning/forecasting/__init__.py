"""Forecasts of a zone's intensity from its own past and its provider's issues; never from anything after `now`."""
