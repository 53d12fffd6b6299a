"""Symbol maps: phonemes as numbers."""
