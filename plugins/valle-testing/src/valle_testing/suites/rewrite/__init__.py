"""Conformance suite of the kind rewrite."""
