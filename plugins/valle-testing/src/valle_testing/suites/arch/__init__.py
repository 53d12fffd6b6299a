"""Conformance suite of the kind arch."""
