"""Finds plugins by name without importing what they do."""
