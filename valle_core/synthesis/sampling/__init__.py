"""Chains of samplers, what they see of the rows, and their randomness."""
