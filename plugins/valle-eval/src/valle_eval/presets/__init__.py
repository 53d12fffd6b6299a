"""Presets: where sentences and voices come from."""
