"""Conformance suite of the kind command."""
