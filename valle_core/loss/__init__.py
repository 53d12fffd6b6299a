"""Losses of the codec language model."""
