"""Conformance suite of the kind metric."""
