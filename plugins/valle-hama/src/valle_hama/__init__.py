"""Recognizer `hama`: phonemes with times."""
