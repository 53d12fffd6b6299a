"""English phonemes in misaki's alphabet for valle."""
