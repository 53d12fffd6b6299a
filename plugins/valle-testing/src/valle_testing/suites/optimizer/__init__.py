"""Conformance suite of the kind optimizer."""
