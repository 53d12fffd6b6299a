"""Conformance suite of the kind attention."""
