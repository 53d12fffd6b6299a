"""Synthesizers: `engine.py` says what one is, `known.py` which there are, the others are one each."""
