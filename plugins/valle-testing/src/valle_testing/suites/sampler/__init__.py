"""Conformance suite of the kind sampler."""
