"""Conformance suite of the kind frontend."""
