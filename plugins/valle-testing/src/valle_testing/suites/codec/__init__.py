"""Conformance suite of the kind codec."""
