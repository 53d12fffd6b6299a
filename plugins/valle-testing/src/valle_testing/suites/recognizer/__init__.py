"""Conformance suite of the kind recognizer."""
