"""Conformance suite of alignments."""
