"""Conformance suite of the kind schedule."""
