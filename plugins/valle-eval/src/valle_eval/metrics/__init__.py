"""Metrics, one file for each judge."""
