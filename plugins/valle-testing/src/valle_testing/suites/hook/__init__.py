"""Conformance suite of the kind hook."""
