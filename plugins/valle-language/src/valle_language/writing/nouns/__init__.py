"""The gender of nouns, one file per language."""
