"""Conformance suite of the kind task."""
