"""`valle bench codec`: every codec, beside the package it replaces where that is installed."""
