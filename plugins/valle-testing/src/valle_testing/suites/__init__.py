"""Conformance suites, a folder for each kind."""
