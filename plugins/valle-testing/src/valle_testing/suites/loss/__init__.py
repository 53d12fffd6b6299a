"""Conformance suite of further losses of training."""
